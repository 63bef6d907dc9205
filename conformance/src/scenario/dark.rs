//! After an outage of any length the first byte arrives as if there had been none.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tssh_core::transport::{Priority, Stream};

use super::{MS, S};
use crate::medium::Over;
use crate::pattern::{pattern, swap};
use crate::rig::{World, soon};

/// A tunnel.
pub async fn a_minute_in_the_dark_leaves_no_delay_behind(world: World) {
    outage(&world, Load::Idle, MINUTE).await;
}

/// A tunnel, in the middle of a file both ways.
pub async fn a_minute_in_the_dark_under_bulk_leaves_no_delay_behind(world: World) {
    outage(&world, Load::Full, MINUTE).await;
}

/// A tunnel, and a key that was typed as it began.
pub async fn a_minute_in_the_dark_with_a_key_on_its_way_leaves_no_delay_behind(world: World) {
    outage(&world, Load::Keys, MINUTE).await;
}

/// A laptop that was shut for a night.
pub async fn eight_hours_in_the_dark_leave_no_delay_behind(world: World) {
    outage(&world, Load::Idle, 8 * HOUR).await;
}

/// A laptop that was shut for a night, in the middle of a file both ways.
pub async fn eight_hours_in_the_dark_under_bulk_leave_no_delay_behind(world: World) {
    outage(&world, Load::Full, 8 * HOUR).await;
}

/// A laptop that was shut for a night, and a key that was typed as it fell asleep.
pub async fn eight_hours_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind(world: World) {
    outage(&world, Load::Keys, 8 * HOUR).await;
}

/// A machine in a cupboard: clocks of 32 bits of milliseconds have gone round more than half.
pub async fn thirty_days_in_the_dark_leave_no_delay_behind(world: World) {
    outage(&world, Load::Idle, 30 * DAY).await;
}

/// A machine in a cupboard, in the middle of a file both ways.
pub async fn thirty_days_in_the_dark_under_bulk_leave_no_delay_behind(world: World) {
    outage(&world, Load::Full, 30 * DAY).await;
}

/// A machine in a cupboard, and a key that was typed before.
pub async fn thirty_days_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind(world: World) {
    outage(&world, Load::Keys, 30 * DAY).await;
}

/// A train through mountains: ten outages in the middle of one file, and not a byte of it is lost.
pub async fn a_file_survives_ten_outages(world: World) {
    let ends = world.connected().await;
    world.change(|weather| {
        weather.rate = Some(400_000);
        weather.queue = 24_000;
    });
    let (near, far) = ends.pair().await;
    let bytes = pattern(21, 3 << 20);
    let outages = async {
        // The first comes when no way, however quick, can have carried all of it.
        for round in 0..10 {
            cut(&world).await;
            sleep(HOUR).await;
            join(&world);
            sleep(700 * MS + round * 97 * MS).await;
        }
    };
    let all = async {
        tokio::join!(
            swap(near, &bytes, &bytes),
            swap(far, &bytes, &bytes),
            outages
        )
    };
    let done = tokio::time::timeout(11 * HOUR, all).await;
    done.expect("the file did not come");
}

/// An outage nobody has noticed: the clocks run, and the connection outlives it.
pub async fn a_short_outage_that_nobody_noticed_ends_nothing(world: World) {
    let ends = world.connected().await;
    let (mut near, mut far) = ends.pair().await;
    world.set_dark(true);
    near.write_all(b"1").await.unwrap();
    far.write_all(b"2").await.unwrap();
    sleep(3 * S).await;
    world.set_dark(false);
    assert_eq!(soon(far.read_u8()).await.unwrap(), b'1');
    assert_eq!(soon(near.read_u8()).await.unwrap(), b'2');
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// Both ways, as much as the path takes.
    Full,
    Idle,
    /// One byte each way, written when the path has just died.
    Keys,
}

async fn outage(world: &World, load: Load, dark: Duration) {
    let ends = world.connected().await;
    world.change(|weather| {
        weather.rate = Some(400_000);
        weather.queue = 24_000;
    });
    let mut tasks = JoinSet::new();
    if load == Load::Full {
        let (near, far) = ends.pair().await;
        flood(&mut tasks, near);
        flood(&mut tasks, far);
    }
    let (mut near, mut far) = ends.pair().await;
    near.writer.set_priority(Priority::Interactive);
    far.writer.set_priority(Priority::Interactive);
    far.write_all(b"2").await.unwrap();
    assert_eq!(soon(near.read_u8()).await.unwrap(), b'2');

    // Each run is cut at another moment.
    sleep(500 * MS + world.seed as u32 * 37 % 190 * MS).await;
    world.set_dark(true);
    let mut waiting = Vec::new();
    if load == Load::Keys {
        near.write_all(b"3").await.unwrap();
        far.write_all(b"3").await.unwrap();
        waiting.push(b'3');
    }
    stop_clocks(world).await;
    sleep(dark - 2 * DETECTION).await;
    world.set_dark(false);
    world.client_pipe.clock().start(DETECTION);
    let server_pipe = world.server_pipe.clone();
    // In every second run the server learns of the path by the client's first packet only.
    let waits = world.over != Over::Nothing && !world.seed.is_multiple_of(2);
    tasks.spawn(async move {
        if waits {
            server_pipe.activity().heard().await;
        }
        server_pipe.clock().start(2 * DETECTION);
    });

    let back_at = Instant::now();
    near.write_all(b"4").await.unwrap();
    far.write_all(b"4").await.unwrap();
    waiting.push(b'4');
    let arrival = async |stream: &mut Stream| {
        let mut heard = vec![0; waiting.len()];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, waiting);
        back_at.elapsed()
    };
    let (there, back) = (arrival(&mut far), arrival(&mut near));
    let (there, back) = soon(async { tokio::join!(there, back) }).await;
    assert!(
        there <= LIMIT && back <= LIMIT,
        "a byte took {there:?} there, another {back:?} back, after {dark:?} in the dark"
    );
}

/// The path dies, and both sides notice, one after the other.
async fn cut(world: &World) {
    world.set_dark(true);
    stop_clocks(world).await;
}

async fn stop_clocks(world: &World) {
    sleep(DETECTION).await;
    world.client_pipe.clock().stop();
    sleep(DETECTION).await;
    world.server_pipe.clock().stop();
}

/// The path is back, and both sides know it.
fn join(world: &World) {
    world.set_dark(false);
    world.client_pipe.clock().start(DETECTION);
    world.server_pipe.clock().start(2 * DETECTION);
}

/// Writes without end, and reads without end.
fn flood(tasks: &mut JoinSet<()>, stream: Stream) {
    let (mut reader, mut writer) = (stream.reader, stream.writer);
    writer.set_priority(Priority::Bulk);
    tasks.spawn(async move {
        for _ in 0..MOST_CHUNKS {
            if writer.write_all(&[7; 4096]).await.is_err() {
                return;
            }
            // Ten times what the path takes; without it a way without limits would hold the time.
            sleep(MS).await;
        }
    });
    tasks.spawn(async move {
        let mut sink = [0; 16384];
        while reader.read(&mut sink).await.is_ok_and(|read| read > 0) {}
    });
}

/// Far more than the path and a transport's buffers take: a transport without bounds ends here.
const MOST_CHUNKS: u32 = 16 * 1024;

/// A round trip of 40 ms, half of one again, and the queue of the bottleneck (60 ms).
const LIMIT: Duration = Duration::from_millis(120);

/// The default `UdpHeartbeatTimeout`.
const DETECTION: Duration = Duration::from_secs(4);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
