//! The list of losses, each with a batch that it likes.

use burn::module::{Param, ParamId};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use losslab::*;

/// A loss in one of its forms.
pub struct Subject {
    pub name: &'static str,
    /// The shapes of its float inputs, for a batch of `ROWS`.
    pub shapes: Vec<[usize; 2]>,
    /// Whether inputs are probabilities: they then stay in `[0, 1]`.
    pub probabilities: Vec<bool>,
    pub forward: Box<Forward>,
    pub terms: Box<Terms>,
}

type Terms = dyn Fn(&[Tensor<2>]) -> Tensor<1>;
type Forward = dyn Fn(&[Tensor<2>], Reduction) -> Tensor<1>;

pub const ROWS: usize = 8;
pub const WIDTH: usize = 5;
/// Of losses with a vector for each class.
pub const CLASSES: usize = 4;

/// Labels in which each of three classes comes at least twice.
pub const LABELS: [i64; ROWS] = [0, 1, 2, 0, 1, 2, 0, 1];

pub fn device() -> Device {
    Device::flex()
}

pub fn labels() -> Tensor<1, Int> {
    Tensor::from_data(LABELS.as_slice(), &device())
}

pub fn similar() -> Tensor<1, Bool> {
    Tensor::from_data([true, false, true, false, false, true, true, false], &device())
}

/// Reproducible values, about normal in size.
pub fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f32 / (1u64 << 53) as f32
    };
    (0..count).map(|_| (0..6).map(|_| uniform()).sum::<f32>() * 1.4 - 4.2).collect()
}

impl Subject {
    /// A batch for this loss.
    pub fn batch(&self, seed: u64) -> Vec<Vec<f32>> {
        let fill = |(i, shape): (usize, &[usize; 2])| {
            let values = values(seed * 31 + i as u64, shape[0] * shape[1]);
            let limited = |x: f32| if self.probabilities[i] { (x * 0.2 + 0.5).clamp(0.0, 1.0) } else { x };
            values.into_iter().map(limited).collect()
        };
        self.shapes.iter().enumerate().map(fill).collect()
    }

    /// A batch on the tape.
    pub fn tensors(&self, batch: &[Vec<f32>]) -> Vec<Tensor<2>> {
        let device = device().autodiff();
        let tensor = |(values, &shape): (&Vec<f32>, &[usize; 2])| {
            Tensor::<2>::from_data(TensorData::new(values.clone(), shape), &device).require_grad()
        };
        batch.iter().zip(&self.shapes).map(tensor).collect()
    }

    /// Value and gradients.
    pub fn gradients(&self, batch: &[Vec<f32>], reduction: Reduction) -> (f64, Vec<Vec<f32>>) {
        let tensors = self.tensors(batch);
        gradients(&tensors, (self.forward)(&tensors, reduction))
    }
}

/// Value and gradients of a loss with respect to tensors on the tape.
pub fn gradients(tensors: &[Tensor<2>], loss: Tensor<1>) -> (f64, Vec<Vec<f32>>) {
    let value = loss.clone().into_scalar::<f64>();
    let tape = loss.backward();
    let gradient = |tensor: &Tensor<2>| to_vec(tensor.grad(&tape).expect("an input is attached to the loss"));
    (value, tensors.iter().map(gradient).collect())
}

pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap()
}

/// A parameter that is the tensor itself: on its tape, where it has one.
fn as_given(tensor: &Tensor<2>) -> Param<Tensor<2>> {
    Param::initialized(ParamId::new(), tensor.clone())
}

fn flat(tensor: Tensor<2>) -> Tensor<1> {
    tensor.reshape([-1])
}

macro_rules! subject {
    ($name:expr, $shapes:expr, |$t:ident, $r:ident| $config:expr, |$loss:ident| $forward:expr, $terms:expr) => {
        Subject {
            name: $name,
            shapes: $shapes.to_vec(),
            probabilities: vec![false; $shapes.len()],
            forward: Box::new(|$t: &[Tensor<2>], $r: Reduction| {
                let $loss = $config;
                $forward
            }),
            terms: Box::new(|$t: &[Tensor<2>]| {
                let $r = Reduction::Sum;
                let $loss = $config;
                $terms
            }),
        }
    };
}

/// All losses, in every form that takes another way through the code.
pub fn subjects() -> Vec<Subject> {
    let one = [[ROWS, WIDTH]];
    let two = [[ROWS, WIDTH]; 2];
    let three = [[ROWS, WIDTH]; 3];
    let mut subjects = Vec::new();

    for gamma in [0.0, 0.5, 1.0, 2.0, 5.0] {
        for alpha in [FocalAlpha::None, FocalAlpha::Balanced(0.25), FocalAlpha::Uniform(0.75)] {
            let config = move |r| SigmoidFocalLossConfig::new().with_gamma(gamma).with_alpha(alpha).with_reduction(r);
            subjects.push(Subject {
                name: "focal-sigmoid",
                shapes: two.to_vec(),
                probabilities: vec![false, true],
                forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), t[1].clone())),
                terms: Box::new(move |t| {
                    flat(config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), t[1].clone()))
                }),
            });
        }
        let config = move |r| {
            let alpha = Some(vec![0.5, 2.0, 1.0, 0.0, 1.5]);
            FocalLossConfig::new().with_gamma(gamma).with_alpha(alpha).with_ignore_index(Some(2)).with_reduction(r)
        };
        subjects.push(Subject {
            name: "focal",
            shapes: one.to_vec(),
            probabilities: vec![false],
            forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), labels())),
            terms: Box::new(move |t| config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), labels())),
        });
    }
    subjects.push(subject!(
        "cross-entropy",
        one,
        |t, r| CrossEntropyLossConfig::new().with_weights(Some(vec![0.5, 2.0, 1.0, 0.0, 1.5])).with_reduction(r).init(),
        |loss| loss.forward(t[0].clone(), labels()),
        loss.forward_no_reduction(t[0].clone(), labels())
    ));
    for convention in [SmoothingConvention::Uniform, SmoothingConvention::Others] {
        let config = move |r| {
            let weights = Some(vec![0.5, 2.0, 1.0, 0.0, 1.5]);
            LabelSmoothingLossConfig::new().with_convention(convention).with_weights(weights).with_reduction(r)
        };
        subjects.push(Subject {
            name: "label-smoothing",
            shapes: one.to_vec(),
            probabilities: vec![false],
            forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), labels())),
            terms: Box::new(move |t| config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), labels())),
        });
    }
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine] {
        for normalize in [false, true] {
            let config = move |r| {
                ContrastiveLossConfig::new().with_distance(distance).with_normalize(normalize).with_reduction(r)
            };
            subjects.push(Subject {
                name: "contrastive",
                shapes: two.to_vec(),
                probabilities: vec![false; 2],
                forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), t[1].clone(), similar())),
                terms: Box::new(move |t| {
                    config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), t[1].clone(), similar())
                }),
            });
            let config = move |r| {
                let config = BatchContrastiveLossConfig::new().with_positive_margin(0.1).with_negative_margin(1.5);
                config.with_distance(distance).with_normalize(normalize).with_reduction(r)
            };
            subjects.push(Subject {
                name: "contrastive-batch",
                shapes: one.to_vec(),
                probabilities: vec![false],
                forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), labels())),
                terms: Box::new(move |t| config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), labels())),
            });
            let config = move |r| {
                AlignedQuadrupletLossConfig::new().with_distance(distance).with_normalize(normalize).with_reduction(r)
            };
            subjects.push(Subject {
                name: "quadruplet-aligned",
                shapes: vec![[ROWS, WIDTH]; 4],
                probabilities: vec![false; 4],
                forward: Box::new(move |t, r| {
                    config(r).init().forward(t[0].clone(), t[1].clone(), t[2].clone(), t[3].clone())
                }),
                terms: Box::new(move |t| {
                    let loss = config(Reduction::Sum).init();
                    loss.forward_no_reduction(t[0].clone(), t[1].clone(), t[2].clone(), t[3].clone())
                }),
            });
            for mining in [QuadrupletMining::BatchAll, QuadrupletMining::BatchHard] {
                let config = move |r| {
                    let config = QuadrupletLossConfig::new().with_margin(0.7).with_pair_margin(0.4);
                    config.with_mining(mining).with_distance(distance).with_normalize(normalize).with_reduction(r)
                };
                subjects.push(Subject {
                    name: "quadruplet",
                    shapes: one.to_vec(),
                    probabilities: vec![false],
                    forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), labels())),
                    terms: Box::new(move |t| {
                        config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), labels())
                    }),
                });
            }
            for (soft, swap) in [(false, false), (true, false), (false, true)] {
                let config = move |r| {
                    let config = AlignedTripletLossConfig::new().with_soft(soft).with_swap(swap);
                    config.with_distance(distance).with_normalize(normalize).with_reduction(r)
                };
                subjects.push(Subject {
                    name: "triplet-aligned",
                    shapes: three.to_vec(),
                    probabilities: vec![false; 3],
                    forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), t[1].clone(), t[2].clone())),
                    terms: Box::new(move |t| {
                        let loss = config(Reduction::Sum).init();
                        loss.forward_no_reduction(t[0].clone(), t[1].clone(), t[2].clone())
                    }),
                });
                for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
                    let config = move |r| {
                        let config = TripletLossConfig::new().with_margin(0.7).with_soft(soft).with_swap(swap);
                        config.with_mining(mining).with_distance(distance).with_normalize(normalize).with_reduction(r)
                    };
                    subjects.push(Subject {
                        name: "triplet",
                        shapes: one.to_vec(),
                        probabilities: vec![false],
                        forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), labels())),
                        terms: Box::new(move |t| {
                            config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), labels())
                        }),
                    });
                }
            }
        }
    }
    for (symmetric, normalize) in [(true, true), (false, true), (true, false)] {
        let config = move |r| {
            InfoNceLossConfig::new()
                .with_temperature(TemperatureConfig::new().with_value(0.5))
                .with_symmetric(symmetric)
                .with_normalize(normalize)
                .with_reduction(r)
        };
        subjects.push(Subject {
            name: "info-nce",
            shapes: vec![[ROWS, WIDTH], [ROWS + 3, WIDTH]],
            probabilities: vec![false; 2],
            forward: Box::new(move |t, r| config(r).init(&device()).forward(t[0].clone(), t[1].clone())),
            terms: Box::new(move |t| {
                config(Reduction::Sum).init(&device()).forward_no_reduction(t[0].clone(), t[1].clone())
            }),
        });
        for positives in [Positives::Outside, Positives::Inside, Positives::Aligned] {
            let config = move |r| config(r).with_positives(positives);
            subjects.push(Subject {
                name: "info-nce",
                shapes: two.to_vec(),
                probabilities: vec![false; 2],
                forward: Box::new(move |t, r| {
                    config(r).init(&device()).forward_grouped(t[0].clone(), t[1].clone(), labels(), labels())
                }),
                terms: Box::new(move |t| {
                    let loss = config(Reduction::Sum).init(&device());
                    loss.forward_grouped_no_reduction(t[0].clone(), t[1].clone(), labels(), labels())
                }),
            });
        }
    }
    for beyond in [ArcFaceBeyond::Monotone, ArcFaceBeyond::EasyMargin, ArcFaceBeyond::Formula] {
        let config = move |r, weights: &Tensor<2>| {
            let config = ArcFaceLossConfig::new(CLASSES, WIDTH).with_scale(8.0).with_beyond(beyond).with_reduction(r);
            let mut loss = config.init(&device());
            loss.head.weights = as_given(weights);
            loss
        };
        subjects.push(Subject {
            name: "arc-face",
            shapes: vec![[ROWS, WIDTH], [CLASSES, WIDTH]],
            probabilities: vec![false; 2],
            forward: Box::new(move |t, r| config(r, &t[1]).forward(t[0].clone(), labels())),
            terms: Box::new(move |t| config(Reduction::Sum, &t[1]).forward_no_reduction(t[0].clone(), labels())),
        });
    }
    subjects.push(subject!(
        "cos-face",
        [[ROWS, WIDTH], [CLASSES, WIDTH]],
        |t, r| {
            let config = CosFaceLossConfig::new(CLASSES, WIDTH).with_scale(8.0).with_reduction(r);
            let mut loss = config.init(&device());
            loss.head.weights = as_given(&t[1]);
            loss
        },
        |loss| loss.forward(t[0].clone(), labels()),
        loss.forward_no_reduction(t[0].clone(), labels())
    ));
    for form in [VicRegForm::Algorithm, VicRegForm::Equations, VicRegForm::Code] {
        let config = move |r| VicRegLossConfig::new().with_form(form).with_reduction(r);
        subjects.push(Subject {
            name: "vicreg",
            shapes: two.to_vec(),
            probabilities: vec![false; 2],
            forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), t[1].clone())),
            terms: Box::new(move |t| config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), t[1].clone())),
        });
    }
    for zero_variance in [ZeroVariance::Epsilon, ZeroVariance::Zero] {
        let config =
            move |r| BarlowTwinsLossConfig::new().with_lambda(0.1).with_zero_variance(zero_variance).with_reduction(r);
        subjects.push(Subject {
            name: "barlow-twins",
            shapes: two.to_vec(),
            probabilities: vec![false; 2],
            forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), t[1].clone())),
            terms: Box::new(move |t| config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), t[1].clone())),
        });
    }
    for normalize in [true, false] {
        let config = move |r| {
            SigLipLossConfig::new()
                .with_temperature(TemperatureConfig::new().with_value(0.5))
                .with_bias(-1.0)
                .with_normalize(normalize)
                .with_reduction(r)
        };
        subjects.push(Subject {
            name: "siglip",
            shapes: vec![[ROWS, WIDTH], [ROWS + 3, WIDTH]],
            probabilities: vec![false; 2],
            forward: Box::new(move |t, r| config(r).init(&device()).forward(t[0].clone(), t[1].clone())),
            terms: Box::new(move |t| {
                config(Reduction::Sum).init(&device()).forward_no_reduction(t[0].clone(), t[1].clone())
            }),
        });
        subjects.push(Subject {
            name: "siglip",
            shapes: two.to_vec(),
            probabilities: vec![false; 2],
            forward: Box::new(move |t, r| {
                config(r).init(&device()).forward_grouped(t[0].clone(), t[1].clone(), labels(), labels())
            }),
            terms: Box::new(move |t| {
                let loss = config(Reduction::Sum).init(&device());
                loss.forward_grouped_no_reduction(t[0].clone(), t[1].clone(), labels(), labels())
            }),
        });
        for sigma in [None, Some(0.5)] {
            let config = move |r| {
                let config = DclLossConfig::new().with_temperature(TemperatureConfig::new().with_value(0.5));
                config.with_sigma(sigma).with_normalize(normalize).with_reduction(r)
            };
            subjects.push(Subject {
                name: "dcl",
                shapes: two.to_vec(),
                probabilities: vec![false; 2],
                forward: Box::new(move |t, r| config(r).init(&device()).forward(t[0].clone(), t[1].clone())),
                terms: Box::new(move |t| {
                    config(Reduction::Sum).init(&device()).forward_no_reduction(t[0].clone(), t[1].clone())
                }),
            });
        }
        for epsilon in [None, Some(0.1)] {
            let config = move |r| {
                let config = MultiSimilarityLossConfig::new().with_beta(5.0).with_epsilon(epsilon);
                config.with_normalize(normalize).with_reduction(r)
            };
            subjects.push(Subject {
                name: "multi-similarity",
                shapes: one.to_vec(),
                probabilities: vec![false],
                forward: Box::new(move |t, r| config(r).init().forward(t[0].clone(), labels())),
                terms: Box::new(move |t| config(Reduction::Sum).init().forward_no_reduction(t[0].clone(), labels())),
            });
        }
    }
    subjects.push(subject!(
        "circle",
        one,
        |t, r| CircleLossConfig::new().with_gamma(8.0).with_reduction(r).init(),
        |loss| loss.forward(t[0].clone(), labels()),
        loss.forward_no_reduction(t[0].clone(), labels())
    ));
    for normalize in [true, false] {
        let temperature = || TemperatureConfig::new().with_value(0.5);
        let config = move |r| {
            let config = NtXentLossConfig::new().with_temperature(temperature());
            config.with_normalize(normalize).with_reduction(r)
        };
        subjects.push(Subject {
            name: "nt-xent",
            shapes: two.to_vec(),
            probabilities: vec![false; 2],
            forward: Box::new(move |t, r| config(r).init(&device()).forward(t[0].clone(), t[1].clone())),
            terms: Box::new(move |t| {
                config(Reduction::Sum).init(&device()).forward_no_reduction(t[0].clone(), t[1].clone())
            }),
        });
        for form in [SupConForm::Outside, SupConForm::Inside] {
            let config = move |r| {
                let config = SupConLossConfig::new().with_temperature(temperature()).with_form(form);
                config.with_normalize(normalize).with_reduction(r)
            };
            subjects.push(Subject {
                name: "sup-con",
                shapes: one.to_vec(),
                probabilities: vec![false],
                forward: Box::new(move |t, r| config(r).init(&device()).forward(t[0].clone(), labels())),
                terms: Box::new(move |t| {
                    config(Reduction::Sum).init(&device()).forward_no_reduction(t[0].clone(), labels())
                }),
            });
        }
    }
    subjects.extend(crate::ranking::subjects());
    subjects
}
