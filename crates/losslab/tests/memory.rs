//! Batch-wise losses must not hold the matrix of the whole batch: allocations are counted, not timed.

mod counting;

use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::relu};
use counting::peak;
use losslab::*;
fn embeddings(rows: usize, dim: usize) -> Tensor<2> {
    let values = (0..rows * dim).map(|i| ((i * 7919 % 1009) as f32 - 504.0) / 504.0).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, [rows, dim]), &Device::flex().autodiff()).require_grad()
}

const MIB: usize = 1 << 20;

/// A layer's graph for 16,384 rows holds some 1,024 values each: 64 MiB a copy.
fn gradient_caching_holds_one_chunk() {
    let device = Device::flex().autodiff();
    let hidden = LinearConfig::new(16, 1024).init(&device);
    let model = (hidden, LinearConfig::new(1024, 8).init(&device));
    let encode = |model: &(Linear, Linear), x: Tensor<2>| model.1.forward(relu(model.0.forward(x)));
    let loss = InfoNceLossConfig::new().init(&Device::flex());
    let views = |rows: usize| [embeddings(rows, 16), embeddings(rows, 16) * 0.5].map(|x| x.inner().autodiff());
    let in_one_piece = |rows: usize| {
        let [first, second] = views(rows);
        peak(|| drop(loss.forward(encode(&model, first), encode(&model, second)).backward()))
    };
    let by_chunks = |rows: usize, chunk: usize| {
        let views = views(rows);
        let cache = GradientCacheConfig::new(chunk).init();
        peak(|| {
            let step = cache.gradients(
                &model,
                [rows; 2],
                |model, chunk| encode(model, views[chunk.tower].clone().slice(chunk.rows.clone())),
                |_, [first, second]| loss.forward(first, second),
            );
            drop(step);
        })
    };
    contrastive::set_tile_memory(0);
    let (small, large) = (by_chunks(2048, 256), by_chunks(16384, 256));
    let of_embeddings = 2 * (16384 - 2048) * 8 * size_of::<f32>();
    assert!(large < small + 6 * of_embeddings, "{} KiB after {} KiB", large / 1024, small / 1024);
    let larger_chunk = by_chunks(16384, 4096);
    assert!(larger_chunk > 2 * large, "{} MiB by larger chunks, {} KiB", larger_chunk / MIB, large / 1024);
    let whole = in_one_piece(16384);
    assert!(whole > 3 * larger_chunk, "{} MiB in one piece, {} MiB by chunks", whole / MIB, larger_chunk / MIB);
}

// One test: the counters are those of the whole process.
#[test]
fn peak_memory_is_that_of_a_block() {
    // InfoNCE: 8,192² similarities are 256 MiB a matrix, of which a tape holds several. The kernel takes what it may for
    // tiles, and unit vectors and gradients of both sides: four times 8,192 × 64 floats.
    let (queries, keys) = (embeddings(8192, 64), embeddings(8192, 64));
    let loss = InfoNceLossConfig::new().init(&Device::flex());
    for tiles in [0, 32 * MIB, 256 * MIB] {
        contrastive::set_tile_memory(tiles);
        contrastive::release_memory();
        let bytes = peak(|| drop(loss.forward(queries.clone(), keys.clone()).backward()));
        let vectors = 4 * 8192 * 64 * size_of::<f32>();
        // The rest is that of a few threads at work.
        assert!(
            bytes < tiles.max(12 * MIB) + vectors,
            "InfoNCE: {} KiB with {} MiB for tiles",
            bytes / 1024,
            tiles / MIB
        );
    }
    contrastive::release_memory();
    let (queries, keys) = (embeddings(8192, 16), embeddings(8192, 16));
    let bytes = peak(|| drop(loss.forward_plain(queries, keys).unwrap().backward()));
    assert!(bytes < 160 * MIB, "InfoNCE in plain operations: {} MiB", bytes / MIB);

    let (queries, keys) = (embeddings(8192, 16), embeddings(8192, 16));
    let loss = SigLipLossConfig::new().init(&Device::flex());
    let bytes = peak(|| drop(loss.forward(queries.clone(), keys.clone()).backward()));
    assert!(bytes < 16 * MIB, "SigLIP: {} KiB", bytes / 1024);
    let bytes = peak(|| drop(loss.forward_plain(queries, keys).unwrap().backward()));
    assert!(bytes < 200 * MIB, "SigLIP in plain operations: {} MiB", bytes / MIB);
    let (first, second) = (embeddings(4096, 16), embeddings(4096, 16));
    let loss = DclLossConfig::new().with_sigma(Some(0.5)).init(&Device::flex());
    contrastive::set_tile_memory(32 * MIB);
    contrastive::release_memory();
    let bytes = peak(|| drop(loss.forward(first.clone(), second.clone()).backward()));
    assert!(bytes < 40 * MIB, "DCL: {} KiB with 32 MiB for tiles", bytes / 1024);
    contrastive::release_memory();
    let bytes = peak(|| drop(loss.forward_plain(first, second).unwrap().backward()));
    assert!(bytes < 160 * MIB, "DCL in plain operations: {} MiB", bytes / MIB);
    let labels = (0..8192).map(|i| i % 512).collect::<Vec<i64>>();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &Device::flex());
    let loss = MultiSimilarityLossConfig::new().with_epsilon(Some(0.1)).init();
    let bytes = peak(|| drop(loss.forward(embeddings(8192, 16), labels.clone()).backward()));
    assert!(bytes < 240 * MIB, "multi-similarity: {} MiB", bytes / MIB);
    let loss = CircleLossConfig::new().init();
    let bytes = peak(|| drop(loss.forward(embeddings(8192, 16), labels).backward()));
    assert!(bytes < 240 * MIB, "circle: {} MiB", bytes / MIB);

    // 4,096² correlations of features are 64 MiB a matrix.
    let (first, second) = (embeddings(64, 4096), embeddings(64, 4096));
    let loss = BarlowTwinsLossConfig::new().init();
    let bytes = peak(|| drop(loss.forward(first.clone(), second.clone()).backward()));
    assert!(bytes < 160 * MIB, "Barlow Twins: {} MiB", bytes / MIB);
    let loss = VicRegLossConfig::new().init();
    let bytes = peak(|| drop(loss.forward(first, second).backward()));
    assert!(bytes < 240 * MIB, "VICReg: {} MiB", bytes / MIB);

    // 4,096² distances in f64 are 128 MiB, and batch-all has 117 million triplets. What grows with the square is cut
    // into blocks: 16 MiB of weights, and 8 MiB of distances for each thread.
    let (rows, dim) = (4096, 32);
    let labels = (0..rows as i64).map(|i| i % 512).collect::<Vec<i64>>();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &Device::flex());
    let batch = embeddings(rows, dim);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bound = 10 * (rows * dim * 4) + (16 + 9 * threads + 8) * MIB;
    let all = TripletMining::BatchAll;
    let forms = [(all, false), (all, true), (TripletMining::BatchHard, false), (TripletMining::SemiHard, false)];
    for (mining, soft) in forms {
        let loss = TripletLossConfig::new().with_mining(mining).with_soft(soft).init();
        let bytes = peak(|| drop(loss.forward(batch.clone(), labels.clone()).backward()));
        assert!(bytes < bound, "triplet, {mining:?}, soft {soft}: {} MiB", bytes / MIB);
    }
    // 14,336 pairs of one class, and 8 million of two.
    for mining in [QuadrupletMining::BatchAll, QuadrupletMining::BatchHard] {
        let loss = QuadrupletLossConfig::new().with_mining(mining).init();
        let bytes = peak(|| drop(loss.forward(batch.clone(), labels.clone()).backward()));
        let bound = bound + 5 * (rows * dim * 4) + 32 * MIB;
        assert!(bytes < bound, "quadruplet, {mining:?}: {} MiB", bytes / MIB);
    }
    let loss = BatchContrastiveLossConfig::new().init();
    let bytes = peak(|| drop(loss.forward(batch.clone(), labels.clone()).backward()));
    assert!(bytes < bound, "contrastive-batch: {} MiB", bytes / MIB);
    let (bank, bank_labels) = (batch.clone().inner(), labels.clone());
    let loss = TripletLossConfig::new().with_mining(TripletMining::BatchAll).init();
    let bytes = peak(|| drop(loss.forward_with_bank(batch, labels, bank, bank_labels).backward()));
    assert!(bytes < bound + 10 * (rows * dim * 4), "triplet with a bank: {} MiB", bytes / MIB);

    // Plain operations, batch-all triplets of 16 classes of 32 samples: 512·31·480 = 7.6 million, and 512²·64 differences.
    let labels = (0..512).map(|i| i % 16).collect::<Vec<i64>>();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &Device::flex());
    let batch = embeddings(512, 64);
    for (mining, swap) in
        [(TripletMining::BatchAll, false), (TripletMining::BatchAll, true), (TripletMining::SemiHard, false)]
    {
        let loss = TripletLossConfig::new().with_mining(mining).with_swap(swap).init();
        let bytes = peak(|| drop(loss.forward_plain(batch.clone(), labels.clone()).unwrap().backward()));
        assert!(bytes < 160 * MIB, "plain {mining:?} triplet, swap {swap}: {} MiB", bytes / MIB);
    }
    let loss = BatchContrastiveLossConfig::new().init();
    let bytes = peak(|| drop(loss.forward_plain(batch, labels).unwrap().backward()));
    assert!(bytes < 160 * MIB, "plain contrastive-batch: {} MiB", bytes / MIB);

    // Quadruplets in plain operations: 384 pairs of one class and 7,680 of two, 2.6 million quadruplets in many steps.
    let labels = (0..128).map(|i| i % 16).collect::<Vec<i64>>();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &Device::flex());
    let loss = QuadrupletLossConfig::new().init();
    let bytes = peak(|| drop(loss.forward_plain(embeddings(128, 64), labels).unwrap().backward()));
    assert!(bytes < 160 * MIB, "plain quadruplet: {} MiB", bytes / MIB);

    gradient_caching_holds_one_chunk();
    // One list of 8,192 items has 512 MiB of pairs in f64; scores, gradient and tables of ranks are 64 KiB each.
    let scores = || embeddings(8192, 1).reshape([-1]);
    let relevance = Tensor::<1, Int>::arange(0..8192, &Device::flex()).remainder_scalar(5).float();
    let lists = QueryLists::try_from_lengths(&[8192]).unwrap();
    let rank_net = RankNetLossConfig::new();
    for loss in [rank_net.init(), rank_net.with_form(RankNetForm::Hinge).init()] {
        let bytes = peak(|| drop(loss.forward(scores(), relevance.clone(), &lists).backward()));
        assert!(bytes < 2 * MIB, "rank-net: {} KiB", bytes / 1024);
    }
    let lambda = LambdaLossConfig::new().init();
    let bytes = peak(|| drop(lambda.forward(scores(), relevance.clone(), &lists).backward()));
    assert!(bytes < 2 * MIB, "lambda-loss: {} KiB", bytes / 1024);
    let approx = ApproxNdcgLossConfig::new().init();
    let bytes = peak(|| drop(approx.forward(scores(), relevance, &lists).backward()));
    assert!(bytes < 2 * MIB, "approx-ndcg: {} KiB", bytes / 1024);

    // Focal loss: the gradient, and the copy of it that goes back.
    let logits = embeddings(1024, 1024);
    let targets = Tensor::<2>::ones([1024, 1024], &Device::flex());
    let loss = SigmoidFocalLossConfig::new().init();
    let bytes = peak(|| drop(loss.forward(logits, targets).backward()));
    assert!(bytes < 13 * MIB, "sigmoid focal: {} KiB for a gradient of 4 MiB", bytes / 1024);
}
