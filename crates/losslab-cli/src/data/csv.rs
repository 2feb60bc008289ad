//! CSV tables with a 0/1 label. Every error names the file, the line, the column and the value.

use super::Table;
use ::csv::{ByteRecord, ReaderBuilder, Trim};
use anyhow::{Context, Result, bail, ensure};
use std::{fs, path::Path};

/// Rows that each class needs at least, so that all three parts of a split get some of both.
pub const MIN_ROWS_PER_CLASS: usize = 10;

/// Reads a table with a header line. The column named `label` holds 0 or 1; every other column is a number.
pub fn read(path: &Path, label: &str) -> Result<Table> {
    let name = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
    parse(&name, &bytes, label)
}

fn parse(name: &str, bytes: &[u8], label: &str) -> Result<Table> {
    ensure!(!bytes.is_empty(), "{name}: the file is empty");
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(bytes);
    let header: Vec<String> = reader.byte_headers()?.iter().map(|h| String::from_utf8_lossy(h).into_owned()).collect();
    if header.iter().all(|field| field.parse::<f64>().is_ok()) {
        bail!("{name}: line 1: expected a header with the names of the columns, found only numbers");
    }
    let Some(label_index) = header.iter().position(|column| column == label) else {
        bail!("{name}: line 1: no column is named {label:?}, the columns are: {}", header.join(", "));
    };
    ensure!(header.len() > 1, "{name}: line 1: there is no column beside the label {label:?}");

    let mut table = Table { columns: header.len() - 1, features: Vec::new(), labels: Vec::new() };
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let line = record.position().map_or(0, ::csv::Position::line);
        if record.len() != header.len() {
            bail!("{name}: line {line}: expected {} fields, found {}", header.len(), record.len());
        }
        for (column, (field, title)) in record.iter().zip(&header).enumerate() {
            let text = String::from_utf8_lossy(field);
            let place = || format!("{name}: line {line}: column {} ({title})", column + 1);
            let value: f32 = match text.parse() {
                Ok(value) => value,
                Err(_) => bail!("{}: expected a number, found {text:?}", place()),
            };
            if column == label_index {
                ensure!(value == 0.0 || value == 1.0, "{}: expected the label 0 or 1, found {text:?}", place());
                table.labels.push(value == 1.0);
            } else {
                ensure!(value.is_finite(), "{}: expected a finite number, found {text:?}", place());
                table.features.push(value);
            }
        }
    }
    check_classes(name, label, &table)?;
    Ok(table)
}

fn check_classes(name: &str, label: &str, table: &Table) -> Result<()> {
    ensure!(table.rows() > 0, "{name}: there is no row below the header");
    let counts = [table.rows() - table.rare(), table.rare()];
    for (class, count) in counts.iter().enumerate() {
        let other = 1 - class;
        ensure!(*count > 0, "{name}: column {label}: all {} rows have the label {other}, expected both", table.rows());
        ensure!(
            *count >= MIN_ROWS_PER_CLASS,
            "{name}: column {label}: {count} rows have the label {class}, at least {MIN_ROWS_PER_CLASS} are needed to \
             split them into train, validation and test"
        );
    }
    ensure!(
        counts[1] <= counts[0],
        "{name}: column {label}: {} of {} rows have the label 1, which is to be the rarer class",
        counts[1],
        table.rows()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        format!("{:#}", parse("t.csv", text.as_bytes(), "label").unwrap_err())
    }

    fn rows(class: u8, count: usize) -> String {
        (0..count).map(|row| format!("{row},0.5,{class}\n")).collect()
    }

    #[test]
    fn a_table_is_read_with_the_label_anywhere() {
        let text = format!("label,a\n{}{}", "0, 1.5\n".repeat(12), "1,-2e0\n".repeat(10));
        let table = parse("t.csv", text.as_bytes(), "label").unwrap();
        assert_eq!((table.columns, table.rows(), table.rare()), (1, 22, 10));
        assert_eq!((table.row(0), table.row(21)), ([1.5].as_slice(), [-2.0].as_slice()));
    }

    #[test]
    fn bad_values_are_named_with_their_place() {
        for value in ["NaN", "inf", "-inf", "1e999"] {
            assert_eq!(
                error(&format!("a,b,label\n1,2,0\n3,{value},1\n")),
                format!("t.csv: line 3: column 2 (b): expected a finite number, found {value:?}")
            );
        }
        assert_eq!(error("a,b,label\n1,two,0\n"), "t.csv: line 2: column 2 (b): expected a number, found \"two\"");
        assert_eq!(error("a,b,label\n1,,0\n"), "t.csv: line 2: column 2 (b): expected a number, found \"\"");
        for value in ["2", "-1", "0.5", "NaN"] {
            assert_eq!(
                error(&format!("a,b,label\n1,2,{value}\n")),
                format!("t.csv: line 2: column 3 (label): expected the label 0 or 1, found {value:?}")
            );
        }
    }

    #[test]
    fn ragged_rows_are_named() {
        assert_eq!(error("a,b,label\n1,2,0\n1,0\n"), "t.csv: line 3: expected 3 fields, found 2");
        assert_eq!(error("a,b,label\n1,2,0,9\n"), "t.csv: line 2: expected 3 fields, found 4");
    }

    #[test]
    fn headers_are_checked() {
        assert_eq!(error(""), "t.csv: the file is empty");
        assert_eq!(error("a,b\n1,0\n"), "t.csv: line 1: no column is named \"label\", the columns are: a, b");
        assert_eq!(error("label\n1\n"), "t.csv: line 1: there is no column beside the label \"label\"");
        assert!(error("1,2,0\n3,4,1\n").contains("line 1: expected a header"));
        assert_eq!(error("a,b,label\n"), "t.csv: there is no row below the header");
    }

    #[test]
    fn both_classes_are_needed_and_enough_of_each() {
        let one = error(&format!("a,b,label\n{}", rows(0, 20)));
        assert_eq!(one, "t.csv: column label: all 20 rows have the label 0, expected both");
        let few = error(&format!("a,b,label\n{}{}", rows(0, 20), rows(1, 9)));
        assert!(few.contains("9 rows have the label 1, at least 10 are needed"), "{few}");
        let swapped = error(&format!("a,b,label\n{}{}", rows(0, 10), rows(1, 30)));
        assert!(swapped.contains("30 of 40 rows have the label 1"), "{swapped}");
    }

    #[test]
    fn text_that_is_not_utf8_is_shown() {
        let bytes = [b"a,b,label\n1,".as_slice(), &[0xff], b",0\n"].concat();
        let message = format!("{:#}", parse("t.csv", &bytes, "label").unwrap_err());
        assert!(message.starts_with("t.csv: line 2: column 2 (b): expected a number"), "{message}");
    }
}
