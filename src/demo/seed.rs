//! Random streams that depend only on the seed and on what they are for.
//!
//! One stream per (server, request number) or (app, request number): what one request draws never
//! shifts what another one gets, whatever order they arrive in.

use fastrand::Rng;

/// The stream of the `nth` thing under `label`.
pub(crate) fn stream(seed: u64, label: &str, nth: u64) -> Rng {
    let labelled = label
        .bytes()
        .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    Rng::with_seed(mix(labelled ^ mix(nth)))
}

/// A stable number for a text.
pub(crate) fn hash(text: &str) -> u64 {
    let folded = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(folded)
}

/// True in `per_mille` of a thousand cases.
pub(crate) fn chance(rng: &mut Rng, per_mille: u32) -> bool {
    rng.u32(0..1000) < per_mille
}

/// `middle` spread as lengths and times are in life: mostly near it, now and then three times it.
pub(crate) fn spread(rng: &mut Rng, middle: u64) -> u64 {
    const PERCENT: [u64; 12] = [30, 45, 58, 70, 82, 94, 106, 120, 140, 170, 220, 310];
    let low = rng.usize(0..PERCENT.len() - 1);
    let (from, to) = (PERCENT[low], PERCENT[low + 1]);
    middle * rng.u64(from..=to) / 100
}

/// The finisher of `SplitMix64`: neighbouring numbers come out unrelated.
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_label_and_number_alone() {
        let draw = |seed, label, nth| stream(seed, label, nth).u64(..);
        assert_eq!(draw(7, "ollama-gpu", 3), draw(7, "ollama-gpu", 3));
        let others = [
            draw(8, "ollama-gpu", 3),
            draw(7, "vllm", 3),
            draw(7, "ollama-gpu", 4),
        ];
        assert!(!others.contains(&draw(7, "ollama-gpu", 3)));
    }

    #[test]
    fn spread_stays_within_its_bounds_and_near_its_middle() {
        let mut rng = stream(1, "spread", 0);
        let mut drawn: Vec<u64> = (0..2000).map(|_| spread(&mut rng, 100)).collect();
        drawn.sort_unstable();
        assert!(drawn[0] >= 30 && drawn[1999] <= 310);
        assert!((85..=125).contains(&drawn[1000]), "median {}", drawn[1000]);
    }
}
