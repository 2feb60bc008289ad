//! The choices that a loss offers. Each name says which reading of the literature it stands for.

use serde::{Deserialize, Serialize};

/// How the terms of a loss (one per sample, anchor, pair or triplet) become one number.
///
/// A mean over nothing is 0 with gradient 0. A NaN term makes every reduction NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// The sum of the terms over the number of valid terms. Where class weights are given, over the sum of the
    /// weights of the valid samples, as PyTorch's `reduction="mean"` does.
    #[default]
    Mean,
    /// The sum of the terms over the number of valid terms, class weights or not.
    MeanPerSample,
    /// The sum of the terms over the number of terms above 0 (a NaN counts as one, so that it shows).
    MeanActive,
    /// The sum of the terms.
    Sum,
}

/// How far apart two vectors are. Larger is always farther: a similarity is turned round where it enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// `‖x − y‖₂`, in `[0, ∞)`. Its gradient at distance 0 is 0.
    #[default]
    Euclidean,
    /// `‖x − y‖₂²`, in `[0, ∞)`.
    SquaredEuclidean,
    /// `1 − cos(x, y)`, in `[0, 2]`. The cosine with a zero vector is 0 with gradient 0.
    Cosine,
}

/// By what the neighbours of a vector are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// The largest `cos(x, y)` first, in `[−1, 1]`. The cosine with a zero vector is 0.
    #[default]
    Cosine,
    /// The largest inner product `x·y` first.
    Dot,
    /// The smallest `‖x − y‖₂` first. Its square is what is computed and returned.
    Euclidean,
}

/// The class weight α of the sigmoid focal loss, in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FocalAlpha {
    /// No class weight.
    None,
    /// α for positives and 1 − α for negatives, as in the paper.
    Balanced(f64),
    /// The same α for both classes, as some code has it: it only scales the loss. (Pattern 1 of the lab's handout.)
    Uniform(f64),
}

/// Where the smoothed probability mass ε of a label goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmoothingConvention {
    /// ε/K to each of the K classes, the true one too (Szegedy et al. 2016, PyTorch): the true class has 1 − ε + ε/K.
    #[default]
    Uniform,
    /// ε/(K−1) to each of the other classes: the true class has 1 − ε.
    Others,
}

/// Which triplets of a labelled batch enter the loss. An anchor is never its own positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TripletMining {
    /// Every valid (anchor, positive, negative).
    BatchAll,
    /// For each anchor its farthest positive and its nearest negative (Hermans et al. 2017).
    BatchHard,
    /// For each (anchor, positive) the nearest negative that is farther than the positive (Schroff et al. 2015);
    /// [`SemiHardFallback`] says what happens where there is none.
    #[default]
    SemiHard,
}

/// Which quadruplets of a labelled batch enter the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuadrupletMining {
    /// Every valid triplet, and every pair of one class with every pair of two others (Chen et al. 2017).
    #[default]
    BatchAll,
    /// For each anchor its farthest positive, its nearest negative, and what is nearest to that of a third class.
    BatchHard,
}

/// The negative of an (anchor, positive) pair where no negative is farther from the anchor than the positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SemiHardFallback {
    /// The farthest negative, the mildest of the hard ones (as TensorFlow Addons does).
    #[default]
    Farthest,
    /// The nearest negative, the hardest one.
    Nearest,
    /// None: the pair is left out.
    Skip,
}

/// How several positives of one query enter InfoNCE, where positives are given by group ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positives {
    /// The mean over the positives of `−log softmax` (the outer form of Khosla et al. 2020).
    #[default]
    Outside,
    /// `−log` of the summed softmax of the positives.
    Inside,
    /// Key `i` is the only positive of query `i`; the other keys of its group are left out of the denominator, so
    /// that duplicates are no false negatives.
    Aligned,
}

/// How the positives of a sample enter SupCon (Khosla et al. 2020).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupConForm {
    /// The mean over the positives of `−log softmax` (`L_out`).
    #[default]
    Outside,
    /// `−log` of the mean over the positives of the softmax (`L_in`).
    Inside,
}

/// What takes the place of `cos(θ + m)` in ArcFace where it would rise again with the angle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArcFaceBeyond {
    /// `cos θ − m·sin m` for θ > π − m: it falls with the angle everywhere, with a step down at π − m.
    #[default]
    Monotone,
    /// `cos θ` for θ ≥ π/2: only embeddings within a right angle of their class have a margin.
    EasyMargin,
    /// Nothing: `cos(θ + m)` everywhere, which rises from θ = π − m on.
    Formula,
}

/// Which reading of VICReg's weights holds (Bardes et al. 2022 have all three). With d dimensions:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VicRegForm {
    /// The paper's algorithm: the invariance is the mean over samples and dimensions, the variance term the sum of that of
    /// both views.
    #[default]
    Algorithm,
    /// The paper's equations: the invariance is d times that of the algorithm, the squared distance.
    Equations,
    /// The authors' code and pytorch-metric-learning: as the algorithm, but the variance term is the mean of that of both
    /// views.
    Code,
}

/// What standardises a feature that hardly varies over a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroVariance {
    /// The variance plus 1e-5, as in batch normalisation: a feature that doesn't vary becomes 0, with a gradient that lets
    /// it vary again.
    #[default]
    Epsilon,
    /// The variance itself: a feature whose values differ by no more than a millionth of their mean becomes 0, with
    /// gradient 0.
    Zero,
}

/// The form of a learned uncertainty weight, with `s = log σ²` of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UncertaintyForm {
    /// `exp(−s)·L + s` for each task: the form of most code.
    #[default]
    Unscaled,
    /// `L/(2σ²) + log σ = ½·exp(−s)·L + ½·s` for each task: the form of most texts.
    Halved,
    /// The form that follows from each task's likelihood (Kendall et al. 2018).
    PerLikelihood(Vec<Likelihood>),
}

/// The likelihood behind a task's loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// A squared error `L`: `½·exp(−s)·L + ½·s`.
    Gaussian,
    /// A cross-entropy `L`: `exp(−s)·L + ½·s`.
    Categorical,
}

/// What an item of a relevance grade is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gain {
    /// `2^grade − 1` (Burges et al. 2005).
    #[default]
    Exponential,
    /// The grade itself (Järvelin and Kekäläinen 2002).
    Linear,
}

/// How items of equal score are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// The mean over all orders of them, in closed form (McSherry and Najork 2008). The order of the rows doesn't matter,
    /// and a constant score isn't rewarded.
    #[default]
    Averaged,
    /// As the rows are ordered. The result then depends on that order.
    ByOrder,
}

/// What a pair of items costs whose scores are `d` apart, the more relevant one less the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RankNetForm {
    /// `ln(1 + exp(−σ·d))` (Burges et al. 2005).
    #[default]
    Logistic,
    /// `max(0, m − d)` (Herbrich et al. 2000, Joachims 2002).
    Hinge,
}

/// How the pairs of a list become its term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairReduction {
    /// Their mean: every list counts the same.
    #[default]
    Mean,
    /// Their sum: a list counts by its pairs, which grow with the square of its length.
    Sum,
}

/// What a pair of items weighs (Burges et al. 2006, Wang et al. 2018).
///
/// With `G` the gain over the DCG of the best order, `r` the current rank from 1 and `D_r = log₂(1 + r)`:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LambdaWeighting {
    /// `|G_i − G_j| · |1/D_ri − 1/D_rj|`: what a swap of the two changes in the NDCG.
    #[default]
    LambdaRank,
    /// `G_i / D_ri`, for item `i` against every other one, of equal and higher relevance too.
    NdcgLoss1,
    /// `|G_i − G_j| · |1/D_|ri−rj| − 1/D_|ri−rj|+1|`: by how far apart the ranks are.
    NdcgLoss2,
    /// The weight of LambdaRank plus μ times that of NDCG-Loss2.
    NdcgLoss2PlusPlus,
}

/// The order of items of equal relevance in ListMLE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelevanceTies {
    /// As the rows are ordered. The loss then asks for that order.
    #[default]
    ByOrder,
    /// The highest score first: of all orders of them the one that costs least. The order of the rows doesn't matter.
    ByScore,
}
