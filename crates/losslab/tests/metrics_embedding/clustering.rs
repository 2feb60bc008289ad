use crate::{at, close, embeddings, fails, numbers, orders};
use losslab::metrics::*;
use proptest::prelude::*;

#[test]
fn values_of_small_sets() {
    close(nmi(&[0, 0, 1, 1], &[0, 0, 1, 2]).unwrap(), 0.8);
    close(nmi(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap(), 0.0);
    // The information is 0; each pair of clusters shares 0, 1 or 2 samples with chance 1/6, 4/6, 1/6: E = ln 2 / 3.
    close(ami(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap(), -0.5);
}

#[test]
fn expected_information_is_the_mean_over_all_orders() {
    fn orders_of(items: &mut Vec<i64>, from: usize, visit: &mut impl FnMut(&[i64])) {
        if from == items.len() {
            return visit(items);
        }
        for i in from..items.len() {
            items.swap(from, i);
            orders_of(items, from + 1, visit);
            items.swap(from, i);
        }
    }
    for (labels, clusters) in
        [([0, 0, 0, 1, 1, 2, 2], [5, 5, 6, 6, 6, 6, 5]), ([0, 0, 0, 0, 1, 1, 1], [1, 2, 3, 3, 2, 2, 2])]
    {
        let entropy = |of: &[i64]| {
            let share = |x: &i64| of.iter().filter(|y| *y == x).count() as f64 / of.len() as f64;
            -of.iter().map(|x| share(x).ln()).sum::<f64>() / of.len() as f64
        };
        let information = |clusters: &[i64]| {
            let both: Vec<i64> = labels.iter().zip(clusters).map(|(label, cluster)| label * 100 + cluster).collect();
            entropy(&labels) + entropy(clusters) - entropy(&both)
        };
        let (mut sum, mut count) = (0.0, 0.0);
        orders_of(&mut clusters.to_vec(), 0, &mut |order| {
            sum += information(order);
            count += 1.0;
        });
        let (expected, mean) = (sum / count, 0.5 * (entropy(&labels) + entropy(&clusters)));
        close(ami(&labels, &clusters).unwrap(), (information(&clusters) - expected) / (mean - expected));
        close(nmi(&labels, &clusters).unwrap(), information(&clusters) / mean);
    }
}

#[test]
fn edges() {
    for metric in [nmi, ami] {
        assert_eq!(metric(&[4, 4, 4], &[9, 9, 9]).unwrap(), 1.0);
        assert_eq!(metric(&[1, 2, 3], &[7, 8, 9]).unwrap(), 1.0);
        assert_eq!(metric(&[5], &[0]).unwrap(), 1.0);
        assert_eq!(metric(&[1, 2, 2], &[1, 1, 1]).unwrap(), 0.0);
        assert_eq!(metric(&[16_777_216, 16_777_217], &[0, 1]).unwrap(), 1.0);
        assert_eq!(metric(&[i64::MIN, i64::MAX], &[0, 1]).unwrap(), 1.0);
        fails(metric(&[], &[]), &["labels must not be empty"]);
        fails(metric(&[1, 2], &[1]), &["clusters must have 2 elements", "1"]);
    }
    // Each row its own cluster says all about labels, by chance too.
    close(ami(&[0, 0, 1, 1, 2], &[0, 1, 2, 3, 4]).unwrap(), 0.0);
}

#[test]
fn chance_is_0_after_adjustment() {
    let draw = |seed: u64| numbers(seed, 3000).iter().map(|x| (x * 20.0) as i64).collect::<Vec<i64>>();
    let (labels, clusters) = (draw(1), draw(2));
    assert!(nmi(&labels, &clusters).unwrap() > 0.05);
    assert!(ami(&labels, &clusters).unwrap().abs() < 0.02);
}

#[test]
fn k_means_finds_clusters() {
    let labels: Vec<i64> = (0..600).map(|i| i % 6).collect();
    let noise = numbers(5, 600 * 4);
    let value = |i: usize| (if i / 4 % 6 == i % 4 { 9.0 } else { (i / 4 % 6) as f32 }) + noise[i] * 0.3;
    let rows = Embeddings::try_new((0..2400).map(value).collect(), 4).unwrap();
    let found = KMeansConfig::new(6).fit(&rows).unwrap();
    assert_eq!(ami(&labels, &found.clusters).unwrap(), 1.0);
    assert!(found.converged);
    assert_eq!(found.centers.len(), 24);
    // The inertia is that of the centres, which are the means.
    let distance = |(row, &cluster): (&[f32], &i64)| {
        let center = &found.centers[cluster as usize * 4..][..4];
        row.iter().zip(center).map(|(x, c)| f64::from(x - c).powi(2)).sum::<f64>()
    };
    let inertia: f64 = rows.rows().zip(&found.clusters).map(distance).sum();
    assert!((found.inertia - inertia).abs() < 1e-4 * inertia);
    assert_eq!(KMeansConfig::new(6).fit(&rows).unwrap(), found);
    assert!(KMeansConfig::new(5).fit(&rows).unwrap().inertia > found.inertia);
}

#[test]
fn k_means_at_its_edges() {
    let rows = embeddings(&[[1.0], [1.0], [1.0], [4.0]]);
    let found = KMeansConfig::new(4).fit(&rows).unwrap();
    assert_eq!(found.inertia, 0.0);
    assert_eq!(nmi(&[0, 0, 0, 1], &found.clusters).unwrap(), 1.0);
    assert_eq!(KMeansConfig::new(1).fit(&rows).unwrap().clusters, [0; 4]);
    fails(KMeansConfig::new(5).fit(&rows), &["clusters must be in [1, 4]", "5"]);
    fails(KMeansConfig::new(0).fit(&rows), &["clusters"]);
    fails(KMeansConfig { runs: 0, ..KMeansConfig::new(2) }.fit(&rows), &["runs must be at least 1"]);
    fails(KMeansConfig::new(1).fit(&Embeddings::try_new(vec![], 3).unwrap()), &["empty"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn order_names_and_sides_do_not_matter(
        labels in prop::collection::vec(0i64..4, 15),
        clusters in prop::collection::vec(0i64..3, 15),
        order in orders(15),
    ) {
        for metric in [nmi, ami] {
            let value = metric(&labels, &clusters).unwrap();
            let renamed: Vec<i64> = at(&labels, &order).iter().map(|label| i64::MIN + 5 - label).collect();
            close(metric(&renamed, &at(&clusters, &order)).unwrap(), value);
            close(metric(&clusters, &labels).unwrap(), value);
            prop_assert!(value <= 1.0 + 1e-12);
        }
    }
}
