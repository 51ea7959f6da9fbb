//! After any sequence of writes, a journal returns the last value of everything.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::runtime::Builder;

use super::model::Model;
use super::{Folder, any_change};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each inner list is the writes up to a restart; each write is a list of changes.
    #[test]
    fn a_journal_agrees_with_a_model_over_restarts(
        seed in any::<u64>(),
        lives in vec(vec(0_usize..12, 0..12), 1..6),
    ) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let mut random = SmallRng::seed_from_u64(seed);
        let folder = Folder::new("property");
        let mut model = Model::default();
        for writes in lives {
            let (journal, saved) = folder.open();
            assert_eq!(saved, model.saved());
            for count in writes {
                let changes: Vec<_> = (0..count).map(|_| any_change(&mut random)).collect();
                changes.iter().for_each(|change| model.apply(change.clone()));
                let receipt = journal.write(changes);
                if count % 3 == 0 {
                    runtime.block_on(receipt.durable()).unwrap();
                }
            }
            runtime.block_on(journal.close()).unwrap();
        }
        assert_eq!(folder.open().1, model.saved());
    }
}
