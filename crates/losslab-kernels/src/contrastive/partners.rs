//! Which pairs of a row and a column are positive, and how they are computed.
//!
//! A positive pair must not be a difference of nearly equal numbers: the loss of a row with one positive is
//! `ln(1 + Σ exp(negatives)/exp(positive))`, so such pairs are kept *apart* from the matrix and computed one by one. Where
//! a row has several positives outside the logarithm, only their mean counts, which is linear: one sum of vectors a group.

use crate::options::Positives;
use std::collections::HashMap;

/// The rows or the columns of the matrix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Rows,
    Columns,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Side::Rows => Side::Columns,
            Side::Columns => Side::Rows,
        }
    }
}

/// What the cells of pairs of one group are in the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Cells like all others.
    Ignored,
    /// No part of any sum.
    Hidden,
    /// Positives, summed apart from the negatives.
    Split,
}

/// Which pairs are positive.
pub(super) struct Partners {
    counts: [usize; 2],
    /// How many lines have the line of the same number as their only positive, where that is the rule.
    aligned: Option<usize>,
    /// 0, 1, 2, …: where pairs are aligned, line `i` has the partners `identity[i..i + 1]`.
    identity: Vec<u32>,
    groups: Option<Groups>,
    /// Rows and columns are the same vectors: a line is no partner of its own.
    mirrored: bool,
}

struct Groups {
    positives: Positives,
    /// The group of each row and of each column, then −1 to fill a vector.
    ids: [Vec<i32>; 2],
    members: [Members; 2],
}

/// The lines of each group, in their order.
struct Members {
    ends: Vec<u32>,
    lines: Vec<u32>,
}

impl Members {
    fn new(ids: &[i32], groups: usize) -> Self {
        let mut ends = vec![0; groups + 1];
        ids.iter().for_each(|&id| ends[id as usize + 1] += 1);
        (0..groups).for_each(|i| ends[i + 1] += ends[i]);
        let mut next = ends.clone();
        let mut lines = vec![0; ids.len()];
        for (line, &id) in ids.iter().enumerate() {
            lines[next[id as usize] as usize] = line as u32;
            next[id as usize] += 1;
        }
        Self { ends, lines }
    }

    fn of(&self, group: usize) -> &[u32] {
        &self.lines[self.ends[group] as usize..self.ends[group + 1] as usize]
    }
}

impl Partners {
    /// Row `i` and column `i` belong together.
    pub fn aligned(rows: usize, columns: usize) -> Self {
        let both = rows.min(columns);
        let identity = (0..both as u32).collect();
        Self { counts: [rows, columns], aligned: Some(both), identity, groups: None, mirrored: false }
    }

    /// A row and a column of one group belong together, or, with [`Positives::Aligned`], leave each other out.
    pub fn grouped(rows: &[i64], columns: &[i64], positives: Positives) -> Self {
        let mut known = HashMap::new();
        let ids = [rows, columns].map(|groups| {
            let id = |group: &i64| {
                let next = known.len() as i32;
                *known.entry(*group).or_insert(next)
            };
            groups.iter().map(id).collect::<Vec<i32>>()
        });
        let members = ids.each_ref().map(|ids| Members::new(ids, known.len()));
        let fill = |mut ids: Vec<i32>| {
            ids.resize(ids.len().next_multiple_of(super::LANES), -1);
            ids
        };
        let groups = Some(Groups { positives, ids: ids.map(fill), members });
        if positives == Positives::Aligned {
            Self { groups, ..Self::aligned(rows.len(), columns.len()) }
        } else {
            let counts = [rows.len(), columns.len()];
            Self { counts, aligned: None, identity: vec![], groups, mirrored: false }
        }
    }

    /// Lines of one group belong together, but no line to itself.
    pub fn among(groups: &[i64], positives: Positives) -> Self {
        Self { mirrored: true, ..Self::grouped(groups, groups, positives) }
    }

    /// How many lines a side has.
    pub fn lines(&self, side: Side) -> usize {
        self.counts[side as usize]
    }

    /// Whether line `i` has line `i` as its only positive.
    pub fn is_aligned(&self) -> bool {
        self.aligned.is_some()
    }

    pub fn is_mirrored(&self) -> bool {
        self.mirrored
    }

    pub fn grouping(&self) -> Grouping {
        match self.groups.as_ref().map(|groups| groups.positives) {
            None | Some(Positives::Outside) => Grouping::Ignored,
            Some(Positives::Aligned) => Grouping::Hidden,
            Some(Positives::Inside) => Grouping::Split,
        }
    }

    /// The group of each line, filled up to a whole number of vectors.
    pub fn ids(&self, side: Side) -> &[i32] {
        self.groups.as_ref().map_or(&[], |groups| &groups.ids[side as usize])
    }

    /// The number of positives of a line.
    pub fn count(&self, side: Side, line: usize) -> usize {
        match (self.aligned, &self.groups) {
            (Some(both), _) => usize::from(line < both),
            (None, Some(groups)) => {
                let group = groups.ids[side as usize][line] as usize;
                groups.members[side.other() as usize].of(group).len() - usize::from(self.mirrored)
            }
            (None, None) => 0,
        }
    }

    /// The number of positives of each line of the other side that is in a line's group.
    pub fn count_across(&self, side: Side, line: usize) -> usize {
        self.groups.as_ref().map_or(0, |groups| {
            let group = groups.ids[side as usize][line] as usize;
            groups.members[side as usize].of(group).len() - usize::from(self.mirrored)
        })
    }

    /// The positives of a line that are kept apart from the matrix.
    pub fn apart(&self, side: Side, line: usize) -> &[u32] {
        match (self.aligned, &self.groups) {
            (Some(both), _) if line < both => &self.identity[line..line + 1],
            (None, Some(groups)) if groups.positives == Positives::Outside => {
                let group = groups.ids[side as usize][line] as usize;
                let partners = groups.members[side.other() as usize].of(group);
                match partners {
                    _ if self.is_summed(group) => &[],
                    [first, second] if self.mirrored => {
                        std::slice::from_ref(if *first as usize == line { second } else { first })
                    }
                    _ if self.mirrored => &[],
                    partners => partners,
                }
            }
            _ => &[],
        }
    }

    /// The group of a line whose positives come in as one sum.
    pub fn summed(&self, side: Side, line: usize) -> Option<usize> {
        let groups = self.groups.as_ref().filter(|groups| groups.positives == Positives::Outside)?;
        let group = groups.ids[side as usize][line] as usize;
        self.is_summed(group).then_some(group)
    }

    /// Whether the pairs of a group come in as sums: where each of its lines has several positives.
    fn is_summed(&self, group: usize) -> bool {
        let several = 2 + usize::from(self.mirrored);
        self.groups
            .as_ref()
            .is_some_and(|groups| groups.members.iter().all(|members| members.of(group).len() >= several))
    }

    /// The groups that come in as sums, and the lines of each.
    pub fn summed_groups(&self, side: Side) -> Vec<(usize, &[u32])> {
        let Some(groups) = self.groups.as_ref().filter(|groups| groups.positives == Positives::Outside) else {
            return vec![];
        };
        let members = &groups.members[side as usize];
        let count = members.ends.len() - 1;
        (0..count).filter(|&group| self.is_summed(group)).map(|group| (group, members.of(group))).collect()
    }
}
