//! IDX, the format of MNIST: a big-endian header and then bytes. Plain or gzip; anything odd is an error.

use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use std::{borrow::Cow, fs, io::Read, path::Path};

const IMAGES: u32 = 0x0000_0803;
const LABELS: u32 = 0x0000_0801;

/// Grey images of one size with a label each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Pixels in an image, row by row.
    pub pixels_per_image: usize,
    /// All images, one after the other.
    pub pixels: Vec<u8>,
    /// One label an image.
    pub labels: Vec<u8>,
}

impl Images {
    /// The pixels of one image.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.pixels_per_image..(index + 1) * self.pixels_per_image]
    }
}

/// A file in memory with the name that errors call it by.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What errors call it.
    pub name: &'a str,
    /// Its bytes, gzip or plain.
    pub bytes: &'a [u8],
}

/// Reads images and their labels from two files.
pub fn read_files(images: &Path, labels: &Path) -> Result<Images> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("{}: cannot be read", path.display()));
    let (image_bytes, label_bytes) = (read(images)?, read(labels)?);
    parse(
        Source { name: &images.to_string_lossy(), bytes: &image_bytes },
        Source { name: &labels.to_string_lossy(), bytes: &label_bytes },
    )
}

/// Reads a file of labels alone.
pub fn read_labels(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let source = Source { name: &path.to_string_lossy(), bytes: &bytes };
    Ok(body(source, LABELS, ["number of labels"], "labels")?.1)
}

/// Parses images and their labels.
pub fn parse(images: Source, labels: Source) -> Result<Images> {
    let (sizes, pixels) = body(images, IMAGES, ["number of images", "rows", "columns"], "pixel data")?;
    let ([label_count], values) = body(labels, LABELS, ["number of labels"], "labels")?;
    let [count, rows, columns] = sizes;
    ensure!(
        count == label_count,
        "{}: byte 4: number of labels is {label_count}, but {} holds {count} images",
        labels.name,
        images.name
    );
    Ok(Images { pixels_per_image: rows * columns, pixels, labels: values })
}

/// Checks the header and returns the sizes it gives, with the bytes behind it.
fn body<const N: usize>(source: Source, magic: u32, fields: [&str; N], content: &str) -> Result<([usize; N], Vec<u8>)> {
    let name = source.name;
    let bytes = unpacked(source)?;
    ensure!(!bytes.is_empty(), "{name}: the file is empty");
    let word = |index: usize, field: &str| -> Result<u32> {
        let at = 4 * index;
        match bytes.get(at..at + 4) {
            Some(word) => Ok(u32::from_be_bytes(word.try_into().expect("four bytes"))),
            None => bail!(
                "{name}: byte {at}: {field}: the header is cut off, expected {} bytes, found {}",
                4 * (N + 1),
                bytes.len()
            ),
        }
    };
    let found = word(0, "magic number")?;
    ensure!(found == magic, "{name}: byte 0: magic number is {found:#010x}, expected {magic:#010x} ({})", kind(magic));
    let mut sizes = [0; N];
    for (index, field) in fields.iter().enumerate() {
        sizes[index] = word(index + 1, field)? as usize;
        ensure!(sizes[index] > 0, "{name}: byte {}: {field} is 0, expected at least 1", 4 * (index + 1));
    }
    let start = 4 * (N + 1);
    let found = bytes.len() - start;
    let shape = sizes.map(|size| size.to_string()).join(" x ");
    let expected = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    match expected {
        Some(expected) if found < expected => {
            bail!("{name}: byte {start}: {content}: expected {expected} bytes ({shape}), found {found}")
        }
        Some(expected) if found > expected => bail!(
            "{name}: byte {}: {} trailing bytes after {expected} bytes of {content} ({shape})",
            start + expected,
            found - expected
        ),
        Some(_) => Ok((sizes, bytes[start..].to_vec())),
        None => bail!("{name}: byte 4: {content}: {shape} bytes are more than a file can hold, found {found}"),
    }
}

fn kind(magic: u32) -> &'static str {
    if magic == IMAGES { "unsigned bytes, three dimensions" } else { "unsigned bytes, one dimension" }
}

/// The bytes themselves, or what they unpack to where they start as gzip does.
fn unpacked<'a>(source: Source<'a>) -> Result<Cow<'a, [u8]>> {
    if !source.bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(source.bytes));
    }
    let mut bytes = Vec::new();
    MultiGzDecoder::new(source.bytes)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{}: broken gzip after {} unpacked bytes", source.name, bytes.len()))?;
    Ok(Cow::Owned(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn images(magic: u32, header: [u32; 3], pixels: &[u8]) -> Vec<u8> {
        let mut bytes = magic.to_be_bytes().to_vec();
        header.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        bytes.extend(pixels);
        bytes
    }

    fn labels(count: u32, values: &[u8]) -> Vec<u8> {
        [&LABELS.to_be_bytes(), &count.to_be_bytes(), values].concat()
    }

    fn good() -> Vec<u8> {
        images(IMAGES, [2, 1, 2], &[1, 2, 3, 4])
    }

    fn parse_bytes(images: &[u8], labels: &[u8]) -> Result<Images> {
        parse(Source { name: "i.idx", bytes: images }, Source { name: "l.idx", bytes: labels })
    }

    fn error(images: &[u8], labels: &[u8]) -> String {
        format!("{:#}", parse_bytes(images, labels).unwrap_err())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_gzip_give_the_same() {
        let plain = parse_bytes(&good(), &labels(2, &[7, 9])).unwrap();
        assert_eq!(plain.image(1), [3, 4]);
        assert_eq!(plain.labels, [7, 9]);
        assert_eq!(parse_bytes(&gzip(&good()), &gzip(&labels(2, &[7, 9]))).unwrap(), plain);
    }

    #[test]
    fn a_wrong_magic_number_is_named() {
        let swapped = error(&labels(2, &[7, 9]), &labels(2, &[7, 9]));
        assert!(swapped.starts_with("i.idx: byte 0: magic number is 0x00000801, expected 0x00000803"), "{swapped}");
    }

    #[test]
    fn truncated_and_trailing_bytes_are_counted() {
        let short = images(IMAGES, [2, 1, 2], &[1, 2, 3]);
        assert_eq!(
            error(&short, &labels(2, &[7, 9])),
            "i.idx: byte 16: pixel data: expected 4 bytes (2 x 1 x 2), found 3"
        );
        let long = labels(2, &[7, 9, 9]);
        assert_eq!(error(&good(), &long), "l.idx: byte 10: 1 trailing bytes after 2 bytes of labels (2)");
        let header = error(&good()[..10], &labels(2, &[7, 9]));
        assert_eq!(header, "i.idx: byte 8: rows: the header is cut off, expected 16 bytes, found 10");
    }

    #[test]
    fn empty_files_and_sizes_are_errors() {
        assert_eq!(error(&[], &labels(2, &[7, 9])), "i.idx: the file is empty");
        let none = images(IMAGES, [0, 1, 2], &[]);
        assert_eq!(error(&none, &labels(0, &[])), "i.idx: byte 4: number of images is 0, expected at least 1");
    }

    #[test]
    fn counts_must_agree() {
        let message = error(&good(), &labels(1, &[7]));
        assert_eq!(message, "l.idx: byte 4: number of labels is 1, but i.idx holds 2 images");
    }

    #[test]
    fn sizes_that_overflow_are_an_error() {
        let huge = images(IMAGES, [u32::MAX, u32::MAX, u32::MAX], &[1]);
        assert!(error(&huge, &labels(1, &[7])).contains("more than a file can hold"));
    }

    #[test]
    fn broken_gzip_is_named() {
        let whole = gzip(&good());
        let message = error(&whole[..whole.len() - 9], &labels(2, &[7, 9]));
        assert!(message.starts_with("i.idx: broken gzip"), "{message}");
    }
}
