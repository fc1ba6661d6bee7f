//! Limits the rate of a reply, whatever its source does.

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const SPAN: Duration = Duration::from_millis(100);
const ITEMS: usize = 1000;
const BYTES: usize = 200 << 10;

struct Paced<T> {
    source: BoxStream<'static, T>,
    span_ends: Instant,
    items: usize,
    bytes: usize,
}

/// Returns the same items with a limit on their number and size in each interval; the rest waits in the source.
pub fn paced<T: Send + 'static>(source: BoxStream<'static, T>, size: fn(&T) -> usize) -> BoxStream<'static, T> {
    let paced = Paced { source, span_ends: Instant::now() + SPAN, items: 0, bytes: 0 };
    stream::unfold(paced, move |mut paced| async move {
        if paced.items >= ITEMS || paced.bytes >= BYTES {
            sleep_until(paced.span_ends).await;
        }
        let item = paced.source.next().await?;
        if Instant::now() >= paced.span_ends {
            (paced.span_ends, paced.items, paced.bytes) = (Instant::now() + SPAN, 0, 0);
        }
        paced.items += 1;
        paced.bytes += size(&item);
        Some((item, paced))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_passes_at_its_pace_and_a_trickle_at_once() {
        let began = Instant::now();
        let passed = paced(stream::iter(0..ITEMS * 3 + 1).boxed(), |_| 1).count().await;
        assert_eq!(passed, ITEMS * 3 + 1);
        assert_eq!(began.elapsed().as_millis() / 10, 30, "three spans were waited for");
        let began = Instant::now();
        paced(stream::iter(0..ITEMS / 2).boxed(), |_| 1).count().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
