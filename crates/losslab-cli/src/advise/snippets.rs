//! The code that advice comes with. Each snippet is a file that the tests compile and run; only the values of its
//! constants are replaced.

macro_rules! snippets {
    ($($name:ident = $file:literal;)*) => {
        $(pub const $name: &str = include_str!(concat!("snippets/", $file));)*
        /// All files with their names.
        #[cfg(test)]
        pub const FILES: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}

snippets! {
    ARC_FACE = "arc_face.rs";
    CONTRASTIVE = "contrastive.rs";
    CROSS_ENTROPY = "cross_entropy.rs";
    DCL = "dcl.rs";
    FOCAL_SIGMOID = "focal_sigmoid.rs";
    FOCAL_SOFTMAX = "focal_softmax.rs";
    INFO_NCE = "info_nce.rs";
    INFO_NCE_GROUPED = "info_nce_grouped.rs";
    LABEL_SMOOTHING = "label_smoothing.rs";
    LAMBDA_LOSS = "lambda_loss.rs";
    LIST_MLE = "list_mle.rs";
    RANK_NET_HINGE = "rank_net_hinge.rs";
    MULTI_SIMILARITY = "multi_similarity.rs";
    SIGLIP = "siglip.rs";
    TRIPLET = "triplet.rs";
    TRIPLET_ALIGNED = "triplet_aligned.rs";
    UNCERTAINTY = "uncertainty.rs";
    VICREG = "vicreg.rs";
    WEIGHTED_SUM = "weighted_sum.rs";
}

/// A snippet with values for its constants, each as Rust writes it.
pub fn with(snippet: &str, values: &[(&str, String)]) -> String {
    let mut lines: Vec<String> = snippet.lines().map(str::to_owned).collect();
    for (name, value) in values {
        let start = format!("const {name}: ");
        let line = lines.iter_mut().find(|line| line.starts_with(&start)).expect("the snippet has the constant");
        let (head, tail) = line.split_once(" = ").expect("a constant has a value");
        let (_, comment) = tail.split_once(';').expect("a constant ends");
        *line = format!("{head} = {value};{comment}");
    }
    lines.join("\n") + "\n"
}

/// A number as an `f64` literal.
pub fn f64_literal(value: f64) -> String {
    format!("{value:?}")
}
