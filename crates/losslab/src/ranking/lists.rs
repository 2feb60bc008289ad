//! Which items belong to one query.

use crate::error::InputError;
use std::ops::Range;

const NAME: &str = "query-lists";

/// Lists of items, one after the other, of any length from 1: the items of each query.
///
/// ```
/// use losslab::QueryLists;
///
/// let lists = QueryLists::try_from_query_ids(&[30, 30, 10, 10, 10])?;
/// assert_eq!(lists, QueryLists::try_from_lengths(&[2, 3])?);
/// assert_eq!(lists.ranges().collect::<Vec<_>>(), [0..2, 2..5]);
///
/// let error = QueryLists::try_from_query_ids(&[30, 10, 30]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "query-lists: query ids must be in one piece for each query, but element 2 is 30 again"
/// );
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryLists {
    lengths: Vec<usize>,
    items: usize,
}

impl QueryLists {
    /// Lists of these numbers of items.
    ///
    /// # Errors
    /// If a list has no item.
    pub fn try_from_lengths(lengths: &[usize]) -> Result<Self, InputError> {
        if let Some(index) = lengths.iter().position(|length| *length == 0) {
            return Err(error("lengths", "at least 1", index, 0));
        }
        Ok(Self { lengths: lengths.to_vec(), items: lengths.iter().sum() })
    }

    /// The lists of items with the ids of their queries: items of one id stand together. Ids are any integers.
    ///
    /// # Errors
    /// If an id comes again after another one.
    pub fn try_from_query_ids(ids: &[i64]) -> Result<Self, InputError> {
        let mut seen = std::collections::HashSet::new();
        let (mut lengths, mut start) = (vec![], 0);
        for list in ids.chunk_by(|a, b| a == b) {
            if !seen.insert(list[0]) {
                let again = format!("{} again", list[0]);
                return Err(error("query ids", "in one piece for each query", start, again));
            }
            lengths.push(list.len());
            start += list.len();
        }
        Ok(Self { lengths, items: start })
    }

    /// The number of lists.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The number of items in all lists.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The number of items of each list.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The items of each list.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end - length..*end)
        })
    }

    /// The number of the list of each item, from 0: query ids for [`Rankings`](crate::metrics::Rankings).
    pub fn ids(&self) -> Vec<i64> {
        let list = |(list, length): (usize, &usize)| std::iter::repeat_n(list as i64, *length);
        self.lengths.iter().enumerate().flat_map(list).collect()
    }
}

fn error(tensor: &'static str, allowed: &str, index: usize, value: impl ToString) -> InputError {
    InputError::Value { loss: NAME, tensor, allowed: allowed.into(), index, value: value.to_string() }
}
