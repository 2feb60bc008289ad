//! Matrix products of slices.

use gemm::Parallelism;

/// A matrix in a slice, or its transpose.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// Row-major rows of `columns` values, each `stride` after the one before.
    pub fn new(values: &'a [T], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(fits(values.len(), rows, columns, stride), "{rows} x {columns} with stride {stride}");
        Self { values, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// Row-major rows of `columns` values.
    pub fn of(values: &'a [T], columns: usize) -> Self {
        Self::new(values, values.len() / columns, columns, columns)
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

fn fits(length: usize, rows: usize, columns: usize, stride: usize) -> bool {
    rows == 0 || columns == 0 || columns <= stride && (rows - 1) * stride + columns <= length
}

/// `to = factor·left·right`, or `to += …` where `add`. `to` is row-major, a row each `stride`.
///
/// It runs on this thread alone: callers cut the work, so that the order of sums doesn't depend on the threads.
pub(crate) fn multiply<T: Scalar>(
    to: &mut [T],
    stride: usize,
    add: bool,
    factor: T,
    left: View<'_, T>,
    right: View<'_, T>,
) {
    assert_eq!(left.columns, right.rows, "the inner sizes of a product");
    assert!(fits(to.len(), left.rows, right.columns, stride), "a product within its place");
    // SAFETY: the strides of both views and of `to` describe places within their slices, as was asserted when they
    // were made and above; `to` is borrowed alone, so nothing else reads or writes it.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            to.as_mut_ptr(),
            1,
            stride as isize,
            add,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            T::ONE,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// The element types of a product.
pub(crate) trait Scalar: Copy + 'static {
    const ONE: Self;
}

impl Scalar for f32 {
    const ONE: Self = 1.0;
}

impl Scalar for f64 {
    const ONE: Self = 1.0;
}
