//! Pictures and texts: emoji as several vendors draw them, with one caption for each thing that is drawn.

use super::{
    idx,
    images::{Images, Shape},
};
use ::csv::{ReaderBuilder, StringRecord};
use anyhow::{Context, Result, ensure};
use indicatif::HumanCount;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The table of captions.
const CAPTIONS: &str = "captions.tsv";
/// Its columns.
const COLUMNS: [&str; 7] = ["vendor", "index", "concept", "hexcode", "caption", "keywords", "group"];

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    /// Its code points, such as `1F600`.
    pub hexcode: String,
    /// Its name: `grinning face`.
    pub caption: String,
    /// More words for it.
    pub keywords: Vec<String>,
    /// What kind of thing it is: `smileys & emotion`.
    pub group: String,
}

/// All drawings of a vendor.
#[derive(Clone, Debug)]
pub struct Style {
    /// The vendor.
    pub vendor: String,
    /// The drawings. The label of each is the index of its concept.
    pub images: Images,
}

/// Drawings and captions.
#[derive(Clone, Debug)]
pub struct Emoji {
    /// What they are and where they come from, for the report.
    pub origin: String,
    /// What is drawn, the same for all vendors. A vendor need not have all of them.
    pub concepts: Vec<Concept>,
    /// The vendors, in the order of the table.
    pub styles: Vec<Style>,
}

impl Emoji {
    /// Whether the folder has the table of captions.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(CAPTIONS).is_file()
    }

    /// Reads `captions.tsv` and `VENDOR-images-idx4-ubyte.gz` (or without `.gz`) for each vendor that it names; nothing
    /// where there is no such table.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        if !Self::is_in(folder) {
            return Ok(None);
        }
        let path = folder.join(CAPTIONS);
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("{name}: cannot be read"))?;
        let Captions { concepts, vendors } = Captions::parse(&name, &text)?;
        let styles: Result<Vec<Style>> = vendors
            .into_iter()
            .map(|(vendor, labels)| Ok(Style { images: drawings(&name, folder, &vendor, labels)?, vendor }))
            .collect();
        let styles = styles?;
        let pictures: usize = styles.iter().map(|style| style.images.len()).sum();
        let [pictures, captions] = [pictures, concepts.len()].map(|count| HumanCount(count as u64));
        let vendors: Vec<&str> = styles.iter().map(|style| style.vendor.as_str()).collect();
        let origin =
            format!("{pictures} emoji of {} with {captions} captions from {}", vendors.join(", "), folder.display());
        Ok(Some(Self { origin, concepts, styles }))
    }
}

/// The table of captions.
#[derive(Debug)]
struct Captions {
    concepts: Vec<Concept>,
    /// Each vendor, with the concept of each of its pictures.
    vendors: Vec<(String, Vec<u16>)>,
}

impl Captions {
    fn parse(name: &str, text: &str) -> Result<Self> {
        let mut reader =
            ReaderBuilder::new().delimiter(b'\t').quoting(false).flexible(true).from_reader(text.as_bytes());
        let header = reader.headers().with_context(|| format!("{name}: line 1"))?;
        ensure!(
            header.iter().eq(COLUMNS),
            "{name}: line 1: expected the columns {}, found {}",
            COLUMNS.join(", "),
            header.iter().collect::<Vec<_>>().join(", ")
        );
        let mut concepts: Vec<Option<Concept>> = Vec::new();
        let mut vendors: Vec<(String, Vec<u16>)> = Vec::new();
        let mut row = StringRecord::new();
        while reader.read_record(&mut row).with_context(|| name.to_owned())? {
            let line = row.position().map_or(0, ::csv::Position::line);
            ensure!(row.len() == COLUMNS.len(), "{name}: line {line}: expected 7 fields, found {}", row.len());
            let number = |column: usize| -> Result<u16> {
                let place = || {
                    let (title, found) = (COLUMNS[column], &row[column]);
                    format!("{name}: line {line}: {title}: expected a number from 0 to 65535, found {found:?}")
                };
                row[column].parse().with_context(place)
            };
            let (index, place) = (number(1)?, number(2)?);
            let known = match vendors.iter().position(|(vendor, _)| *vendor == row[0]) {
                Some(known) => known,
                None => {
                    vendors.push((row[0].to_owned(), Vec::new()));
                    vendors.len() - 1
                }
            };
            let pictures = &mut vendors[known].1;
            ensure!(
                usize::from(index) == pictures.len(),
                "{name}: line {line}: index: expected {}, the next of {}, found {index}",
                pictures.len(),
                &row[0]
            );
            pictures.push(place);
            let place = usize::from(place);
            concepts.resize(concepts.len().max(place + 1), None);
            let concept = concepts[place].get_or_insert_with(|| Concept {
                hexcode: row[3].to_owned(),
                caption: row[4].to_owned(),
                keywords: row[5].split('|').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
                group: row[6].to_owned(),
            });
            ensure!(
                concept.caption == row[4],
                "{name}: line {line}: caption: concept {place} is {:?} further up, found {:?}",
                concept.caption,
                &row[4]
            );
        }
        ensure!(!vendors.is_empty(), "{name}: there is no row below the header");
        let unknown = concepts.iter().position(Option::is_none);
        ensure!(unknown.is_none(), "{name}: no row has the concept {}", unknown.unwrap_or_default());
        Ok(Self { concepts: concepts.into_iter().flatten().collect(), vendors })
    }
}

/// The pictures of a vendor, of which the table has the labels.
fn drawings(table: &str, folder: &Path, vendor: &str, labels: Vec<u16>) -> Result<Images> {
    let plain = format!("{vendor}-images-idx4-ubyte");
    let names = [format!("{plain}.gz"), plain.clone()];
    let path: Option<PathBuf> = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let path = path.with_context(|| format!("{}: neither {plain} nor {plain}.gz is there", folder.display()))?;
    let ([count, height, width, channels], pixels) = idx::read(&path, idx::COLOUR_IMAGES)?;
    let name = path.display();
    ensure!(channels == 3, "{name}: byte 16: channels is {channels}, expected 3");
    ensure!(count == labels.len(), "{name}: byte 4: number of images is {count}, but {table} has {}", labels.len());
    let shape = Shape { channels, height, width };
    let planes = |image: &[u8]| -> Vec<u8> {
        (0..channels).flat_map(|channel| image[channel..].iter().step_by(channels)).copied().collect()
    };
    let pixels = pixels.chunks_exact(shape.bytes()).flat_map(planes).collect();
    Ok(Images::new(shape, pixels, labels))
}

#[cfg(test)]
mod tests {
    use super::{
        super::idx::tests::{file, gzip},
        *,
    };

    const TABLE: &str = "vendor\tindex\tconcept\thexcode\tcaption\tkeywords\tgroup\n\
                         a\t0\t1\t1F436\tdog \"face\"\tdog|pet\tanimals\n\
                         b\t0\t0\t1F431\tcat\t\tanimals\n\
                         b\t1\t1\t1F436\tdog \"face\"\tdog|pet\tanimals\n";

    fn write(folder: &Path, vendor: &str, pixels: &[u8]) {
        let bytes = gzip(&file(&[pixels.len() as u32 / 6, 1, 2, 3], pixels));
        fs::write(folder.join(format!("{vendor}-images-idx4-ubyte.gz")), bytes).unwrap();
    }

    #[test]
    fn pictures_find_their_captions() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Emoji::read(folder.path()).unwrap().is_none());
        fs::write(folder.path().join(CAPTIONS), TABLE).unwrap();
        write(folder.path(), "a", &[1, 2, 3, 4, 5, 6]);
        let error = || format!("{:#}", Emoji::read(folder.path()).unwrap_err());
        assert!(error().ends_with("neither b-images-idx4-ubyte nor b-images-idx4-ubyte.gz is there"), "{}", error());
        write(folder.path(), "b", &[7; 6]);
        assert!(error().contains("byte 4: number of images is 1, but"), "{}", error());
        write(folder.path(), "b", &[7; 12]);
        let emoji = Emoji::read(folder.path()).unwrap().unwrap();
        let captions: Vec<_> = emoji.concepts.iter().map(|concept| concept.caption.as_str()).collect();
        assert_eq!(captions, ["cat", "dog \"face\""]);
        assert_eq!((&emoji.concepts[0].keywords[..], &emoji.concepts[1].keywords[1][..]), (&[][..], "pet"));
        let labels: Vec<_> = emoji.styles.iter().map(|style| (&style.vendor[..], style.images.labels())).collect();
        assert_eq!(labels, [("a", vec![1]), ("b", vec![0, 1])]);
        assert_eq!(emoji.styles[0].images.pixels(0), [1, 4, 2, 5, 3, 6]);
        assert_eq!(emoji.styles[0].images.interleaved(0), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn errors_name_the_line() {
        let error = |old: &str, new: &str| format!("{:#}", Captions::parse("t", &TABLE.replace(old, new)).unwrap_err());
        assert!(error("group\n", "kind\n").starts_with("t: line 1: expected the columns vendor, index"));
        assert_eq!(error("b\t1\t", "b\t2\t"), "t: line 4: index: expected 1, the next of b, found 2");
        assert!(error("a\t0\t1", "a\t0\tx").starts_with("t: line 2: concept: expected a number from 0 to 65535"));
        assert_eq!(error("\tanimals\nb\t0", "\nb\t0"), "t: line 2: expected 7 fields, found 6");
        assert_eq!(error("b\t0\t0", "b\t0\t2"), "t: no row has the concept 0");
        assert!(error("b\t0\t0", "b\t0\t1").contains("line 3: caption: concept 1 is \"dog"));
    }
}
