//! LETOR and SVMlight files of ranked lists: `GRADE qid:QUERY FEATURE:VALUE … # comment`, an item a line, plain or gzip.
//! Every error names the file and the line.

use super::ranked::{Ranked, RankedSplit};
use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use losslab::QueryLists;
use std::{
    collections::HashSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// The largest number of a feature: files are read into whole rows.
const MOST_FEATURES: usize = 65_536;

/// Reads a file.
pub fn read(path: &Path) -> Result<Ranked> {
    let name = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .with_context(|| format!("{name}: damaged gzip file"))?;
        plain
    } else {
        bytes
    };
    let text = String::from_utf8(bytes).with_context(|| format!("{name}: not a text file"))?;
    parse(&name, &text)
}

/// The files of the three parts in a folder, with or without `.gz`.
#[derive(Debug)]
pub struct Files([PathBuf; 3]);

impl Files {
    /// Finds them; nothing where none is there.
    ///
    /// # Errors
    /// If some are there and others aren't.
    pub fn find(folder: &Path) -> Result<Option<Self>> {
        let names = ["train", "vali", "test"];
        let found = names.map(|part| {
            [".txt", ".txt.gz"]
                .map(|ending| folder.join(format!("{part}{ending}")))
                .into_iter()
                .find(|file| file.is_file())
        });
        if found.iter().all(Option::is_none) {
            return Ok(None);
        }
        if let Some(missing) = found.iter().position(Option::is_none) {
            bail!("{}: {}.txt or {}.txt.gz is missing", folder.display(), names[missing], names[missing]);
        }
        Ok(Some(Self(found.map(Option::unwrap_or_default))))
    }

    /// Reads them.
    pub fn read(&self) -> Result<RankedSplit> {
        let [train, valid, test] = &self.0;
        Ok(RankedSplit::of_parts(read(train)?, read(valid)?, read(test)?))
    }
}

/// The text of a file. A number is the shortest that reads back as the same; query ids count from 0.
pub fn text(items: &Ranked) -> String {
    let mut text = String::new();
    for (item, query) in items.lists.ids().into_iter().enumerate() {
        text += &format!("{} qid:{query}", items.relevance[item]);
        for (feature, value) in (1..).zip(items.item(item)) {
            text += &format!(" {feature}:{value}");
        }
        text.push('\n');
    }
    text
}

fn parse(name: &str, text: &str) -> Result<Ranked> {
    let mut rows: Vec<Vec<(usize, f32)>> = Vec::new();
    let (mut relevance, mut lengths) = (Vec::new(), Vec::new());
    let (mut last, mut seen) = (None, HashSet::new());
    for (line, text) in (1..).zip(text.lines()) {
        let place = || format!("{name}: line {line}");
        let mut fields = text.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(grade) = fields.next() else { continue };
        let grade = grade.parse().ok().filter(|grade: &f64| grade.is_finite() && *grade >= 0.0).with_context(|| {
            format!("{}: expected a grade first, a number that is at least 0, found {grade:?}", place())
        })?;
        let query = fields.next().unwrap_or("the end of the line");
        let query: i64 = query.strip_prefix("qid:").and_then(|query| query.parse().ok()).with_context(|| {
            format!("{}: expected qid: and a whole number after the grade, found {query:?}", place())
        })?;
        if last != Some(query) {
            ensure!(seen.insert(query), "{}: qid {query} comes again, its items must stand together", place());
            lengths.push(0);
            last = Some(query);
        }
        *lengths.last_mut().expect("a list was begun") += 1;
        relevance.push(grade);
        rows.push(features(fields).with_context(place)?);
    }
    ensure!(!rows.is_empty(), "{name}: there is no item in the file");
    let columns = rows.iter().flatten().map(|(feature, _)| feature + 1).max();
    let columns = columns.with_context(|| format!("{name}: no item has a feature"))?;
    let mut features = vec![0.0; rows.len() * columns];
    for (item, row) in features.chunks_exact_mut(columns).zip(&rows) {
        row.iter().for_each(|(feature, value)| item[*feature] = *value);
    }
    Ok(Ranked { columns, features, relevance, lists: QueryLists::try_from_lengths(&lengths)? })
}

/// The features of a line, counted from 0.
fn features<'a>(fields: impl Iterator<Item = &'a str>) -> Result<Vec<(usize, f32)>> {
    let mut row = Vec::new();
    let mut known = HashSet::new();
    for field in fields {
        let pair = field.split_once(':').and_then(|(feature, value)| Some((feature.parse().ok()?, value)));
        let (feature, text): (usize, &str) =
            pair.with_context(|| format!("expected FEATURE:VALUE, found {field:?}"))?;
        ensure!(
            (1..=MOST_FEATURES).contains(&feature),
            "features are numbered from 1 to {MOST_FEATURES}, found {field:?}"
        );
        ensure!(known.insert(feature), "feature {feature} comes twice");
        let value = text.parse().ok().filter(|value: &f32| value.is_finite());
        row.push((
            feature - 1,
            value.with_context(|| format!("feature {feature}: expected a number, found {text:?}"))?,
        ));
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn error(text: &str) -> String {
        format!("{:#}", parse("f.txt", text).unwrap_err())
    }

    #[test]
    fn items_are_read_with_comments_blank_lines_and_missing_features() {
        let text = "# head\n2 qid:10 1:0.5 3:-1e2 # docid = 7:8\n\n0 qid:10 2:4\n0.5 qid:3 3:1\r\n";
        let ranked = parse("f.txt", text).unwrap();
        assert_eq!((ranked.columns, ranked.relevance.as_slice()), (3, [2.0, 0.0, 0.5].as_slice()));
        assert_eq!(ranked.features, [0.5, 0.0, -100.0, 0.0, 4.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(ranked.lists.lengths(), [2, 1]);
    }

    #[test]
    fn a_written_file_is_read_back() {
        let ranked = parse("f.txt", "2 qid:10 1:0.1 2:-1e-20\n0 qid:10 2:3.5\n1.5 qid:3 1:7\n").unwrap();
        assert_eq!(text(&ranked).lines().next_back().unwrap(), "1.5 qid:1 1:7 2:0");
        assert_eq!(parse("g.txt", &text(&ranked)).unwrap(), ranked);
    }

    #[test]
    fn errors_name_the_line_and_what_is_wrong() {
        for (text, expected) in [
            ("x qid:1 1:2", "f.txt: line 1: expected a grade first, a number that is at least 0, found \"x\""),
            ("-1 qid:1 1:2", "f.txt: line 1: expected a grade first, a number that is at least 0, found \"-1\""),
            ("1 1:2", "f.txt: line 1: expected qid: and a whole number after the grade, found \"1:2\""),
            ("1", "f.txt: line 1: expected qid: and a whole number after the grade, found \"the end of the line\""),
            ("1 qid:a 1:2", "f.txt: line 1: expected qid: and a whole number after the grade, found \"qid:a\""),
            ("1 qid:1 1:2\n0 qid:1 2", "f.txt: line 2: expected FEATURE:VALUE, found \"2\""),
            ("1 qid:1 0:2", "f.txt: line 1: features are numbered from 1 to 65536, found \"0:2\""),
            ("1 qid:1 2:2 2:3", "f.txt: line 1: feature 2 comes twice"),
            ("1 qid:1 2:nan", "f.txt: line 1: feature 2: expected a number, found \"nan\""),
            (
                "1 qid:1 1:2\n1 qid:2 1:2\n# c\n1 qid:1 1:2",
                "f.txt: line 4: qid 1 comes again, its items must stand together",
            ),
            ("# nothing\n", "f.txt: there is no item in the file"),
            ("1 qid:1", "f.txt: no item has a feature"),
        ] {
            assert_eq!(error(text), expected);
        }
    }

    #[test]
    fn three_parts_are_found_in_a_folder_plain_or_packed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Files::find(folder.path()).unwrap().is_none());
        fs::write(folder.path().join("train.txt"), "1 qid:1 1:2\n").unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(b"0 qid:2 2:1\n").unwrap();
        fs::write(folder.path().join("test.txt.gz"), packed.finish().unwrap()).unwrap();
        let message = Files::find(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("vali.txt or vali.txt.gz is missing"), "{message}");
        fs::write(folder.path().join("vali.txt"), "1 qid:9 1:3\n").unwrap();
        let split = Files::find(folder.path()).unwrap().unwrap().read().unwrap();
        assert_eq!(
            (split.train.features.as_slice(), split.test.features.as_slice()),
            ([2.0, 0.0].as_slice(), [0.0, 1.0].as_slice())
        );
    }

    /// Reads MQ2008 where `LOSSLAB_TEST_DATA` names a folder that has it.
    #[test]
    fn mq2008_is_read_where_it_is_at_hand() {
        let Some(folder) =
            std::env::var_os("LOSSLAB_TEST_DATA").map(|folder| PathBuf::from(folder).join("mq2008-fold1"))
        else {
            println!("skipped: LOSSLAB_TEST_DATA is not set");
            return;
        };
        let Some(files) = Files::find(&folder).unwrap() else {
            println!("skipped: {} has no MQ2008", folder.display());
            return;
        };
        let split = files.read().unwrap();
        let of = |part: &Ranked| (part.relevance.len(), part.lists.len(), part.lists.len() - part.with_relevant());
        assert_eq!(of(&split.train), (9630, 471, 132));
        assert_eq!((of(&split.valid), of(&split.test)), ((2707, 157, 37), (2874, 156, 51)));
        assert_eq!(split.train.columns, 46);
    }
}
