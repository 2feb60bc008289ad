//! Labels alone: how many classes there are, and how many rows each has.

use super::idx;
use ::csv::{ReaderBuilder, StringRecord, Trim};
use anyhow::{Context, Result, bail, ensure};
use std::{collections::BTreeMap, fs, path::Path};

/// Rows by class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelCounts {
    /// What was counted, in a few words.
    pub source: String,
    /// Class and rows, whole numbers in their order.
    pub classes: Vec<(String, usize)>,
}

impl LabelCounts {
    /// Counts the column `label` of a table with a header line. Labels may be any text.
    pub fn from_csv(path: &Path, label: &str) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
        Self::new(format!("column {label} of {}", short(path)), column(&name, &bytes, label)?)
    }

    /// Counts an IDX file of labels, plain or gzip.
    pub fn from_idx(path: &Path) -> Result<Self> {
        let (_, labels) = idx::read(path, idx::LABELS)?;
        Self::new(short(path), labels.iter().map(u8::to_string).collect())
    }

    fn new(source: String, labels: Vec<String>) -> Result<Self> {
        let mut counts = BTreeMap::<(Option<i64>, String), usize>::new();
        for label in labels {
            // Whole numbers sort as numbers.
            *counts.entry((label.parse().ok(), label)).or_default() += 1;
        }
        let classes: Vec<(String, usize)> = counts.into_iter().map(|((_, label), count)| (label, count)).collect();
        ensure!(classes.len() > 1, "{source}: all {} rows have the label {:?}", classes[0].1, classes[0].0);
        Ok(Self { source, classes })
    }

    /// All rows.
    pub fn rows(&self) -> usize {
        self.classes.iter().map(|(_, count)| count).sum()
    }

    /// The class with the fewest rows.
    pub fn rarest(&self) -> &(String, usize) {
        self.classes.iter().min_by_key(|(_, count)| *count).expect("there are two classes at least")
    }

    /// The class with the most rows.
    pub fn most_common(&self) -> &(String, usize) {
        self.classes.iter().max_by_key(|(_, count)| *count).expect("there are two classes at least")
    }

    /// The share of the rarest class.
    pub fn rare_share(&self) -> f64 {
        self.rarest().1 as f64 / self.rows() as f64
    }

    /// The median number of rows of a class, the lower one of two.
    pub fn median(&self) -> usize {
        let mut counts: Vec<usize> = self.classes.iter().map(|(_, count)| *count).collect();
        counts.sort_unstable();
        counts[(counts.len() - 1) / 2]
    }
}

fn short(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn column(name: &str, bytes: &[u8], label: &str) -> Result<Vec<String>> {
    ensure!(!bytes.is_empty(), "{name}: the file is empty");
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(bytes);
    let header = reader.headers().with_context(|| format!("{name}: line 1"))?.clone();
    let Some(index) = header.iter().position(|column| column == label) else {
        let columns = header.iter().collect::<Vec<_>>().join(", ");
        bail!("{name}: line 1: no column is named {label:?} (--label names another), the columns are: {columns}");
    };
    let (mut labels, mut record) = (Vec::new(), StringRecord::new());
    while reader.read_record(&mut record).with_context(|| name.to_owned())? {
        let line = record.position().map_or(0, ::csv::Position::line);
        if record.len() != header.len() {
            bail!("{name}: line {line}: expected {} fields, found {}", header.len(), record.len());
        }
        let found = &record[index];
        ensure!(!found.is_empty(), "{name}: line {line}: column {} ({label}): the label is empty", index + 1);
        labels.push(found.to_owned());
    }
    ensure!(!labels.is_empty(), "{name}: there is no row below the header");
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> Result<LabelCounts> {
        LabelCounts::new("t.csv".to_owned(), column("t.csv", text.as_bytes(), "label")?)
    }

    fn error(text: &str) -> String {
        format!("{:#}", counted(text).unwrap_err())
    }

    #[test]
    fn rows_are_counted_by_class() {
        let counts = counted("a,label\n1,10\n2,9\n3,10\n4,10\n5,x\n6,x\n").unwrap();
        let expected = [("x", 2), ("9", 1), ("10", 3)].map(|(label, count)| (label.to_owned(), count));
        assert_eq!(counts.classes, expected);
        assert_eq!((counts.rows(), counts.median(), counts.rarest().1, counts.most_common().1), (6, 2, 1, 3));
        assert_eq!(counts.rare_share(), 1.0 / 6.0);
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(error(""), "t.csv: the file is empty");
        assert_eq!(
            error("a,b\n1,0\n"),
            "t.csv: line 1: no column is named \"label\" (--label names another), the columns are: a, b"
        );
        assert_eq!(error("a,label\n"), "t.csv: there is no row below the header");
        assert_eq!(error("a,label\n1,0\n2\n"), "t.csv: line 3: expected 2 fields, found 1");
        assert_eq!(error("a,label\n1,0\n2,\n"), "t.csv: line 3: column 2 (label): the label is empty");
        assert_eq!(error("a,label\n1,0\n2,0\n"), "t.csv: all 2 rows have the label \"0\"");
    }
}
