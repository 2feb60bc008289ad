//! A network that follows another as a moving average of its weights (He et al. 2020).

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::Tensor,
};
use std::collections::VecDeque;

/// `keys = momentum · keys + (1 − momentum) · online`, weight by weight. Both have the same layers; `keys` may live on a
/// device that records no gradients.
///
/// # Panics
/// If the networks differ in their layers.
pub fn follow<M: Module>(keys: M, online: &M, momentum: f64) -> M {
    let mut weights = Weights::default();
    online.visit(&mut weights);
    let mut average = Average { weights: weights.0, momentum };
    let keys = keys.map(&mut average);
    assert!(average.weights.is_empty(), "networks of the same layers");
    keys
}

/// All weights of a network in their order, each flattened and without a tape.
#[derive(Default)]
struct Weights(VecDeque<Tensor<1>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(param.val().inner().flatten(0, D - 1));
    }
}

struct Average {
    weights: VecDeque<Tensor<1>>,
    momentum: f64,
}

impl ModuleMapper for Average {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let fresh = self.weights.pop_front().expect("networks of the same layers");
        let (id, old) = (param.id, param.val().inner());
        let fresh = fresh.reshape(old.shape());
        Param::initialized(id, old * self.momentum + fresh * (1.0 - self.momentum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        models::{layers::linear, mlp::values},
        random,
    };
    use burn::tensor::Device;

    #[test]
    fn weights_move_by_their_share() {
        let online = linear(2, 3, &mut random::stream(1, "online"), &Device::flex().autodiff());
        let keys = linear(2, 3, &mut random::stream(1, "keys"), &Device::flex());
        let [from, to] = [&keys, &online].map(|layer| values(layer.weight.val().inner()));
        let moved = follow(keys.clone(), &online, 0.75);
        for ((moved, from), to) in values(moved.weight.val()).iter().zip(&from).zip(&to) {
            assert!((moved - (0.75 * from + 0.25 * to)).abs() < 1e-6);
        }
        assert_eq!(values(follow(keys.clone(), &online, 0.0).weight.val()), to);
        assert_eq!(values(follow(keys, &online, 1.0).weight.val()), from);
    }
}
