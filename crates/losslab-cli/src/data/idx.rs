//! IDX, the format of MNIST: a big-endian header and then bytes. Plain or gzip; anything odd is an error.

use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use std::{borrow::Cow, fs, io::Read, path::Path};

/// What a file with `N` dimensions holds, in the words of errors.
#[derive(Clone, Copy, Debug)]
pub struct Content<const N: usize> {
    sizes: [&'static str; N],
    bytes: &'static str,
}

/// Grey images: `[images, rows, columns]`.
pub const IMAGES: Content<3> = Content { sizes: ["number of images", "rows", "columns"], bytes: "pixel data" };
/// Colour images: `[images, rows, columns, channels]`.
pub const COLOUR_IMAGES: Content<4> =
    Content { sizes: ["number of images", "rows", "columns", "channels"], bytes: "pixel data" };
/// Labels: `[labels]`.
pub const LABELS: Content<1> = Content { sizes: ["number of labels"], bytes: "labels" };

/// A file in memory with the name that errors call it by.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What errors call it.
    pub name: &'a str,
    /// Its bytes, gzip or plain.
    pub bytes: &'a [u8],
}

/// Reads a file: its sizes, and as many bytes as they ask for.
pub fn read<const N: usize>(path: &Path, content: Content<N>) -> Result<([usize; N], Vec<u8>)> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    parse(Source { name: &path.to_string_lossy(), bytes: &bytes }, content)
}

/// Reads a file in memory: its sizes, and as many bytes as they ask for.
pub fn parse<const N: usize>(source: Source, content: Content<N>) -> Result<([usize; N], Vec<u8>)> {
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
    let (found, magic) = (word(0, "magic number")?, UNSIGNED_BYTES | N as u32);
    ensure!(
        found == magic,
        "{name}: byte 0: magic number is {found:#010x}, expected {magic:#010x} (unsigned bytes, dimensions: {N})"
    );
    let mut sizes = [0; N];
    for (index, field) in content.sizes.iter().enumerate() {
        sizes[index] = word(index + 1, field)? as usize;
        ensure!(sizes[index] > 0, "{name}: byte {}: {field} is 0, expected at least 1", 4 * (index + 1));
    }
    let start = 4 * (N + 1);
    let found = bytes.len() - start;
    let shape = sizes.map(|size| size.to_string()).join(" x ");
    let what = content.bytes;
    match sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size)) {
        Some(expected) if found < expected => {
            bail!("{name}: byte {start}: {what}: expected {expected} bytes ({shape}), found {found}")
        }
        Some(expected) if found > expected => bail!(
            "{name}: byte {}: {} trailing bytes after {expected} bytes of {what} ({shape})",
            start + expected,
            found - expected
        ),
        Some(_) => Ok((sizes, bytes[start..].to_vec())),
        None => bail!("{name}: byte 4: {what}: {shape} bytes are more than a file can hold, found {found}"),
    }
}

/// The magic number of unsigned bytes, without the number of dimensions.
const UNSIGNED_BYTES: u32 = 0x0000_0800;

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
pub mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// The bytes of a file.
    pub fn file(sizes: &[u32], body: &[u8]) -> Vec<u8> {
        let magic = UNSIGNED_BYTES | sizes.len() as u32;
        let header = [&[magic], sizes].concat();
        header.iter().flat_map(|word| word.to_be_bytes()).chain(body.iter().copied()).collect()
    }

    /// The bytes of a file, packed.
    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn good() -> Vec<u8> {
        file(&[2, 1, 2], &[1, 2, 3, 4])
    }

    fn images(bytes: &[u8]) -> Result<([usize; 3], Vec<u8>)> {
        parse(Source { name: "i.idx", bytes }, IMAGES)
    }

    fn error(bytes: &[u8]) -> String {
        format!("{:#}", images(bytes).unwrap_err())
    }

    #[test]
    fn plain_and_gzip_give_the_same() {
        assert_eq!(images(&good()).unwrap(), ([2, 1, 2], vec![1, 2, 3, 4]));
        assert_eq!(images(&gzip(&good())).unwrap(), images(&good()).unwrap());
        let colour = parse(Source { name: "c.idx", bytes: &file(&[1, 1, 1, 3], &[7, 8, 9]) }, COLOUR_IMAGES);
        assert_eq!(colour.unwrap(), ([1, 1, 1, 3], vec![7, 8, 9]));
    }

    #[test]
    fn a_wrong_magic_number_is_named() {
        let message = error(&file(&[2], &[7, 9]));
        assert!(message.starts_with("i.idx: byte 0: magic number is 0x00000801, expected 0x00000803"), "{message}");
    }

    #[test]
    fn truncated_and_trailing_bytes_are_counted() {
        assert_eq!(
            error(&file(&[2, 1, 2], &[1, 2, 3])),
            "i.idx: byte 16: pixel data: expected 4 bytes (2 x 1 x 2), found 3"
        );
        let long = parse(Source { name: "l.idx", bytes: &file(&[2], &[7, 9, 9]) }, LABELS).unwrap_err();
        assert_eq!(long.to_string(), "l.idx: byte 10: 1 trailing bytes after 2 bytes of labels (2)");
        assert_eq!(error(&good()[..10]), "i.idx: byte 8: rows: the header is cut off, expected 16 bytes, found 10");
    }

    #[test]
    fn empty_files_and_sizes_are_errors() {
        assert_eq!(error(&[]), "i.idx: the file is empty");
        assert_eq!(error(&file(&[0, 1, 2], &[])), "i.idx: byte 4: number of images is 0, expected at least 1");
    }

    #[test]
    fn sizes_that_overflow_are_an_error() {
        assert!(error(&file(&[u32::MAX; 3], &[1])).contains("more than a file can hold"));
    }

    #[test]
    fn broken_gzip_is_named() {
        let whole = gzip(&good());
        let message = error(&whole[..whole.len() - 9]);
        assert!(message.starts_with("i.idx: broken gzip"), "{message}");
    }
}
