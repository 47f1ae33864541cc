//! The example of a consumer reads as consumers should.

#[path = "../../examples/read_manifest/reader.rs"]
mod reader;

use testkit::relay::{Mode, Relay};

use self::reader::{From, Reader};
use crate::rig::{Rig, acme, edition};

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_sent_what_changed_and_goes_on_without_the_service() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    let (relay, through) = Relay::before(&rig.replica.url()).await;
    let mut reader = Reader::new(through.trim_end_matches('/'), &who.token, Some(who.workspace.to_string())).unwrap();
    let first = reader.read().await.unwrap();
    assert_eq!((first.from, first.stale, first.manifest.record.sequence), (From::Network, false, 1));
    assert_eq!(reader.read().await.unwrap().from, From::Revalidated);
    relay.set(Mode::Cut).await;
    let kept = reader.read().await.unwrap();
    assert_eq!((kept.from, kept.stale, kept.manifest), (From::Kept, true, first.manifest));
    relay.set(Mode::Pass).await;
    rig.finalize(&who, 2, &edition(2)).await;
    rig.current(&who, "1.0.1").await;
    let second = reader.read().await.unwrap();
    assert_eq!((second.from, second.manifest.record.sequence), (From::Network, 2));
    assert!(Reader::new("http://127.0.0.1:1", "t", None).unwrap().read().await.is_err(), "nothing was kept");
}
