//! The parameters of a Burn module as one vector.

use super::error::{LandscapeError, check_length};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor, TensorData};
use std::collections::HashMap;
use std::ops::Range;

/// One tensor of parameters within the vector.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterBlock {
    /// Where it is in the module: `conv1.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its place in the vector, in row-major order.
    pub range: Range<usize>,
    /// The axis along which its filters are counted; none for a vector or a scalar, such as a bias or the scale of a
    /// normalisation.
    pub filters: Option<usize>,
}

impl ParameterBlock {
    /// The filter of an element, counted within the block.
    fn filter(&self, element: usize) -> usize {
        let axis = self.filters.expect("asked of blocks with filters");
        let stride: usize = self.shape[axis + 1..].iter().product();
        element / stride % self.shape[axis]
    }

    /// The filters, as positions in the whole vector; a block without an axis is one.
    pub(super) fn groups(&self) -> Vec<Vec<usize>> {
        let Some(axis) = self.filters else { return vec![self.range.clone().collect()] };
        let mut groups = vec![Vec::new(); self.shape[axis]];
        self.range.clone().enumerate().for_each(|(element, at)| groups[self.filter(element)].push(at));
        groups
    }
}

/// The trainable parameters of a module as one vector of f64, in the order in which the module is visited.
///
/// Trainable is a float parameter that requires gradients. Frozen parameters and the running statistics of a
/// normalisation aren't: they stay as they are.
///
/// A *filter* is what feeds one output: of a convolution `[out, in, …]` a slice along axis 0, of a transposed convolution
/// `[in, out, …]` and of a dense layer `[in, out]` one along axis 1, of an embedding table a row, of any other tensor with
/// at least two axes a slice along axis 0. In a transposed convolution with groups, the filters that share an index
/// count as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    blocks: Vec<(ParamId, ParameterBlock)>,
    length: usize,
    /// Running statistics of normalisations.
    pub(super) running: Vec<ParamId>,
    /// The coarsest of the parameters' float types.
    pub(super) dtype: DType,
}

impl Parameters {
    /// Of a module that was made or loaded for training.
    pub fn of<M: Module>(module: &M) -> Self {
        // A module that was made ready for evaluation requires no gradients until it is trained again.
        let module = module.valid().train();
        let mut survey = Survey::default();
        module.visit(&mut survey);
        let Survey { blocks, length, running, dtype, .. } = survey;
        Self { blocks, length, running, dtype: dtype.unwrap_or(DType::F32) }
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The tensors, in the order of the vector.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &ParameterBlock> {
        self.blocks.iter().map(|(_, block)| block)
    }

    /// The parameters of a module.
    ///
    /// # Panics
    /// If the module isn't of the kind that `self` was made of.
    pub fn read<M: Module>(&self, module: &M) -> Vec<f64> {
        let mut read = Read { places: self.places(), values: vec![f64::NAN; self.length], found: 0 };
        module.visit(&mut read);
        assert_eq!(read.found, self.blocks.len(), "a module with other parameters");
        read.values
    }

    /// A module with these parameters in the place of its own, each in the type that it had. Running statistics aren't
    /// shared with the given module.
    ///
    /// # Errors
    /// If the number of values isn't that of the parameters.
    pub fn write<M: Module>(&self, module: &M, values: &[f64]) -> Result<M, LandscapeError> {
        Ok(self.write_evaluated(module, values)?.train())
    }

    /// The same, ready for evaluation: without gradients, dropout and updates of running statistics.
    pub(super) fn write_evaluated<M: Module>(&self, module: &M, values: &[f64]) -> Result<M, LandscapeError> {
        check_length("parameters", values.len(), self.length)?;
        // A clone would share its running statistics with the module, and mapping would write into both.
        Ok(module.valid().map(&mut Write { places: self.places(), values }))
    }

    /// The gradient of every parameter; 0 where a parameter has none.
    pub fn gradient<M: Module>(&self, module: &M, gradients: &GradientsParams) -> Vec<f64> {
        let mut gather = Gather { places: self.places(), gradients, values: vec![0.0; self.length] };
        module.visit(&mut gather);
        gather.values
    }

    fn places(&self) -> HashMap<ParamId, Range<usize>> {
        self.blocks.iter().map(|(id, block)| (*id, block.range.clone())).collect()
    }
}

/// The numbers of a tensor, whatever its type, without its graph.
pub(super) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.inner().into_data().convert::<f64>().try_into_vec().expect("converted to f64")
}

/// A tensor with these numbers, of the type and on the device of another.
pub(super) fn tensor_like<const D: usize>(like: &Tensor<D>, values: &[f64]) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), like.shape()).convert_dtype(like.dtype());
    Tensor::from_data(data, (&like.device(), like.dtype()))
}

#[derive(Default)]
struct Survey {
    path: Vec<(String, String)>,
    blocks: Vec<(ParamId, ParameterBlock)>,
    length: usize,
    running: Vec<ParamId>,
    dtype: Option<DType>,
}

impl Survey {
    /// What the tensor is a field of: `Struct:Linear`.
    fn owner(&self) -> &str {
        self.path.last().map_or("", |(_, owner)| owner.as_str())
    }

    fn filters(&self, rank: usize) -> Option<usize> {
        match self.owner() {
            _ if rank < 2 => None,
            "Struct:Linear" => Some(1),
            owner if owner.starts_with("Struct:ConvTranspose") => Some(1),
            _ => Some(0),
        }
    }
}

impl ModuleVisitor for Survey {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push((name.to_owned(), container_type.to_owned()));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            if self.owner() == "Struct:BatchNorm"
                && self.path.last().is_some_and(|(name, _)| name.starts_with("running"))
            {
                self.running.push(param.id);
            }
            return;
        }
        // A tensor that the module holds twice is one parameter.
        if self.blocks.iter().any(|(id, _)| *id == param.id) {
            return;
        }
        let tensor = param.val();
        let shape = tensor.shape().to_vec();
        let range = self.length..self.length + shape.iter().product::<usize>();
        self.length = range.end;
        let names: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        let block = ParameterBlock { name: names.join("."), filters: self.filters(shape.len()), shape, range };
        self.blocks.push((param.id, block));
        if self.dtype.is_none_or(|dtype| epsilon(tensor.dtype()) > epsilon(dtype)) {
            self.dtype = Some(tensor.dtype());
        }
    }
}

/// The spacing of the numbers of a type around 1.
pub(super) fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::EPSILON,
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        _ => f64::from(f32::EPSILON),
    }
}

struct Read {
    places: HashMap<ParamId, Range<usize>>,
    values: Vec<f64>,
    found: usize,
}

impl ModuleVisitor for Read {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(range) = self.places.remove(&param.id) {
            self.values[range].copy_from_slice(&numbers(param.val()));
            self.found += 1;
        }
    }
}

struct Write<'v> {
    places: HashMap<ParamId, Range<usize>>,
    values: &'v [f64],
}

impl ModuleMapper for Write<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.places.get(&param.id) {
            Some(range) => param.map(|old| tensor_like(&old, &self.values[range.clone()])),
            None => param,
        }
    }
}

struct Gather<'g> {
    places: HashMap<ParamId, Range<usize>>,
    gradients: &'g GradientsParams,
    values: Vec<f64>,
}

impl ModuleVisitor for Gather<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let place = self.places.remove(&param.id);
        if let (Some(range), Some(gradient)) = (place, self.gradients.get::<D>(param.id)) {
            self.values[range].copy_from_slice(&numbers(gradient));
        }
    }
}
