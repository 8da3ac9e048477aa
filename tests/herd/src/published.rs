//! Published results that are reproduced with the policies themselves, so that the rest may be believed.

pub mod brooker;
pub mod jitter;
pub mod metastable;

use crate::{
    chain::Chain,
    strategy::{self, names},
};

/// All of them as text, ours beside what was published.
///
/// # Errors
/// None that could be met: ratios and names are fixed.
pub fn summary() -> Result<String, String> {
    let mut text = String::from("AWS jitter, n = 100: writes / ms, published model in brackets\n");
    for ((name, backoff), (writes, time)) in jitter::POLICIES.into_iter().zip(jitter::AT_100) {
        let (our_writes, our_time) = jitter::mean(backoff, 100, 100);
        text += &format!("  {name:13} {our_writes:6.0} / {our_time:6.0}   [{writes:.0} / {time:.0}]\n");
    }
    text += "Brooker, 100 clients, 10 calls a second each: success / load for three repeats, bucket, ours\n";
    for failures in [0.01, 0.1, 0.3, 0.5, 1.0] {
        text += &format!("  f = {failures:4}");
        for bound in [
            brooker::Bound::Three,
            brooker::Bound::Bucket,
            brooker::Bound::Earned(0.2),
        ] {
            let run = brooker::run(bound, failures, 100, 1000.0, 100.0, 1);
            let (success, load) = run.map_err(|error| error.to_string())?;
            text += &format!("   {success:.4} / {load:.3}");
        }
        text.push('\n');
    }
    text += "Metastability: goodput 40 to 60 s after a brown-out of 10 s; naive with 2 s and 0.5 s of queue, ours\n";
    for load in [0.24, 0.3, 0.5, 0.7, 0.9] {
        let naive = strategy::named(names::NAIVE).ok_or("no naive strategy")?;
        let ours = strategy::named(names::OURS).ok_or("no strategy of ours")?;
        text += &format!(
            "  load {load:4}   {:.2}   {:.2}   {:.2}\n",
            metastable::goodput(&naive, load, 2.0, 1),
            metastable::goodput(&naive, load, 0.5, 1),
            metastable::goodput(&ours, load, 2.0, 1),
        );
    }
    text += "Three hops of three attempts: requests at the last for each made; plain, with budgets, and telling\n";
    for failures in [0.05, 0.2, 0.5, 0.8, 1.0] {
        text += &format!("  f = {failures:4}");
        for (ratio, tells) in [(None, false), (Some(0.2), false), (Some(0.2), true)] {
            let chain = Chain {
                hops: 3,
                attempts: 3,
                ratio,
                tells,
                failures,
            };
            let load = chain.run(1).map_err(|error| error.to_string())?;
            text += &format!("   {:6.2}", load.amplification);
        }
        text.push('\n');
    }
    Ok(text)
}
