//! Many small pictures of one size, kept as one.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::io::Cursor;

/// Pictures of one size. As JSON it is a PNG that holds them side by side, in as many rows as columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Pixels from left to right of one picture.
    pub width: usize,
    /// Pixels from top to bottom of one picture.
    pub height: usize,
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// The pictures one after the other: row by row, the channels of a pixel side by side.
    pub pixels: Vec<u8>,
}

impl Sheet {
    /// Number of pictures.
    pub fn count(&self) -> usize {
        self.pixels.len() / (self.width * self.height * self.channels).max(1)
    }

    /// Pictures in a row of the PNG.
    pub fn columns(&self) -> usize {
        columns(self.count())
    }

    /// Rows of pictures in the PNG.
    pub fn rows(&self) -> usize {
        self.count().div_ceil(self.columns())
    }

    /// The PNG for an address that holds its own content.
    ///
    /// # Panics
    /// If there are other than 1 or 3 channels, no pixels, or not whole pictures.
    pub fn data_uri(&self) -> String {
        format!("data:image/png;base64,{}", self.base64())
    }

    fn base64(&self) -> String {
        BASE64_STANDARD.encode(self.png())
    }

    fn png(&self) -> Vec<u8> {
        let is_whole = self.count() > 0 && self.pixels.len() == self.count() * self.width * self.height * self.channels;
        assert!(
            is_whole,
            "{} bytes are no {}×{}×{} pictures",
            self.pixels.len(),
            self.width,
            self.height,
            self.channels
        );
        let (columns, rows) = (self.columns(), self.rows());
        let stride = columns * self.width * self.channels;
        let mut mosaic = vec![0; rows * self.height * stride];
        for (index, line) in self.pixels.chunks_exact(self.width * self.channels).enumerate() {
            let start = line_start(index, self, stride);
            mosaic[start..start + line.len()].copy_from_slice(line);
        }

        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, (columns * self.width) as u32, (rows * self.height) as u32);
        encoder.set_color(match self.channels {
            1 => png::ColorType::Grayscale,
            3 => png::ColorType::Rgb,
            other => panic!("{other} channels: 1 or 3 are possible"),
        });
        encoder.set_compression(png::Compression::High);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&mosaic));
        written.expect("memory has room for a picture");
        file
    }

    /// The pictures of a PNG that [`Sheet::png`] made.
    fn from_png(file: &[u8], width: usize, height: usize, count: usize) -> Result<Self, String> {
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info().map_err(|error| error.to_string())?;
        let mut mosaic = vec![0; reader.output_buffer_size().ok_or("too large a picture")?];
        let frame = reader.next_frame(&mut mosaic).map_err(|error| error.to_string())?;
        let channels = frame.color_type.samples();
        let columns = columns(count);
        let has_size =
            (frame.width as usize, frame.height as usize) == (columns * width, count.div_ceil(columns) * height);
        if !has_size || count == 0 || !matches!(channels, 1 | 3) || frame.bit_depth != png::BitDepth::Eight {
            return Err(format!("{}×{} pixels are no {count} pictures of {width}×{height}", frame.width, frame.height));
        }
        let mut sheet = Self { width, height, channels, pixels: vec![0; count * width * height * channels] };
        let starts: Vec<usize> = (0..count * height).map(|line| line_start(line, &sheet, frame.line_size)).collect();
        for (line, start) in sheet.pixels.chunks_exact_mut(width * channels).zip(starts) {
            line.copy_from_slice(&mosaic[start..start + width * channels]);
        }
        Ok(sheet)
    }
}

/// Pictures in a row: as many as there are rows, so that neither side gets too long for a browser.
fn columns(count: usize) -> usize {
    (count as f64).sqrt().ceil().max(1.0) as usize
}

/// Where a line of a picture starts in the mosaic. Lines are counted through all pictures.
fn line_start(line: usize, sheet: &Sheet, stride: usize) -> usize {
    let (picture, line) = (line / sheet.height, line % sheet.height);
    let (row, column) = (picture / sheet.columns(), picture % sheet.columns());
    (row * sheet.height + line) * stride + column * sheet.width * sheet.channels
}

/// A sheet in a file.
#[derive(Serialize, Deserialize)]
struct Written {
    width: usize,
    height: usize,
    count: usize,
    png: String,
}

impl Serialize for Sheet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written { width: self.width, height: self.height, count: self.count(), png: self.base64() };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sheet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { width, height, count, png } = Written::deserialize(deserializer)?;
        let file = BASE64_STANDARD.decode(png).map_err(D::Error::custom)?;
        Sheet::from_png(&file, width, height, count).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_survive_a_file() {
        for channels in [1, 3] {
            let pixels: Vec<u8> = (0..5 * 4 * 3 * channels).map(|at| (at * 37 % 256) as u8).collect();
            let sheet = Sheet { width: 4, height: 3, channels, pixels };
            assert_eq!((sheet.count(), sheet.columns(), sheet.rows()), (5, 3, 2));
            let text = serde_json::to_string(&sheet).unwrap();
            assert_eq!(serde_json::from_str::<Sheet>(&text).unwrap(), sheet);
            assert!(sheet.data_uri().starts_with("data:image/png;base64,iVBOR"));
        }
    }

    #[test]
    fn a_file_of_another_size_is_refused() {
        let sheet = Sheet { width: 2, height: 2, channels: 1, pixels: vec![9; 12] };
        let text = serde_json::to_string(&sheet).unwrap();
        for broken in
            [text.replace("\"count\":3", "\"count\":5"), text.replace("iVBOR", "aaaaa"), text.replace("iV", "?")]
        {
            assert!(serde_json::from_str::<Sheet>(&broken).is_err(), "{broken}");
        }
    }
}
