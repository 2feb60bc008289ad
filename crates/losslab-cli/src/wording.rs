//! Numbers as a reader wants them.

use crate::{outcome::Metric, statistics::Paired};

/// A share as per cent: `57.0 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A share that was asked for as per cent, with no more decimals than it has: `20 %`, `12.5 %`.
pub fn given(share: f64) -> String {
    format!("{} %", (1e4 * share).round() / 100.0)
}

/// A share as per cent, also a small one: `57.0 %`, `0.023 %`.
pub fn share(share: f64) -> String {
    if share >= 0.01 { percent(share) } else { format!("{} %", significant(100.0 * share)) }
}

/// A number above 0 in two digits or two decimals, whichever says more: `12.34`, `0.0043`.
pub fn significant(number: f64) -> String {
    let decimals = (1.0 - number.log10().floor()).clamp(2.0, 300.0) as usize;
    let text = format!("{number:.decimals$}");
    // Of a power of ten the last digit is a 0.
    if decimals > 2 { text.trim_end_matches('0').to_owned() } else { text }
}

/// A mean and its spread as per cent, without the sign: `57.0 ± 14.4`. A single value has no spread.
pub fn mean_and_spread(metric: &Metric) -> String {
    match metric.values.len() {
        1 => format!("{:.1}", 100.0 * metric.mean),
        _ => format!("{:.1} ± {:.1}", 100.0 * metric.mean, 100.0 * metric.std),
    }
}

/// A mean and its spread in four digits, whatever the unit: `0.9732 ± 0.0021`. A single value has no spread.
pub fn plain_mean_and_spread(metric: &Metric) -> String {
    let size = metric.mean.abs().max(metric.std);
    let decimals = if size > 0.0 { (3.0 - size.log10().floor()).clamp(0.0, 300.0) as usize } else { 0 };
    match metric.values.len() {
        1 => format!("{:.decimals$}", metric.mean),
        _ => format!("{:.decimals$} ± {:.decimals$}", metric.mean, metric.std),
    }
}

/// A difference of shares in percentage points: `+15.0 points`, `−0.2 points`.
pub fn points(difference: f64) -> String {
    format!("{} points", signed(difference))
}

/// A difference with what the test says of it: `+15.0 points (p = 0.012)`.
pub fn tested(difference: f64, test: Option<Paired>) -> String {
    match test {
        Some(test) => format!("{} ({})", points(difference), p_value(test.p)),
        None => format!("{} (one seed allows no test)", points(difference)),
    }
}

/// A percentage-point number with its sign.
pub fn signed(difference: f64) -> String {
    let text = format!("{:.1}", 100.0 * difference.abs());
    match text.as_str() {
        "0.0" => text,
        _ => format!("{}{text}", if difference < 0.0 { '−' } else { '+' }),
    }
}

/// `p = 0.012`, or `p < 0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(0.5699), "57.0 %");
        assert_eq!([given(0.07), given(0.125), given(1.0), given(0.0)], ["7 %", "12.5 %", "100 %", "0 %"]);
        assert_eq!(
            [share(0.5699), share(0.01), share(0.000234), share(1e-9)],
            ["57.0 %", "1.0 %", "0.023 %", "0.0000001 %"]
        );
        assert_eq!([significant(12.345), significant(1.0), significant(0.0043)], ["12.35", "1.00", "0.0043"]);
        assert_eq!(mean_and_spread(&vec![0.5, 0.7].into()), "60.0 ± 14.1");
        assert_eq!(mean_and_spread(&vec![0.5].into()), "50.0");
        assert_eq!(plain_mean_and_spread(&vec![0.5, 0.7].into()), "0.6000 ± 0.1414");
        assert_eq!(plain_mean_and_spread(&vec![12345.6].into()), "12346");
        assert_eq!(plain_mean_and_spread(&vec![0.0, 0.0].into()), "0 ± 0");
        assert_eq!([points(0.15), points(-0.002), points(-0.0001)], ["+15.0 points", "−0.2 points", "0.0 points"]);
        assert_eq!([p_value(0.0123), p_value(0.0001)], ["p = 0.012", "p < 0.001"]);
        assert_eq!(tested(0.1, None), "+10.0 points (one seed allows no test)");
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([list(&items[..1]), list(&items[..2]), list(&items)], ["a", "a and b", "a, b and c"]);
    }
}
