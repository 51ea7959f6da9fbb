//! The emulator of a script: a shared one, or one with its own data folder.

use std::ops::Deref;

use emulator::{Emulator, JournalError, Options, Pace, StartError};
use tokio::runtime::Runtime;

use crate::data_folder::Folder;

pub(super) enum Stage<'a> {
    Shared(&'a Emulator),
    Own {
        runtime: &'a Runtime,
        folder: Folder,
        /// The emulator; `None` only during a restart.
        emulator: Option<Emulator>,
    },
}

impl<'a> Stage<'a> {
    pub(super) fn own(runtime: &'a Runtime) -> Self {
        let folder = Folder::new("model");
        Self::Own {
            emulator: Some(start(&folder)),
            runtime,
            folder,
        }
    }

    /// Returns true if a restart is possible.
    pub(super) fn restart(&mut self) -> bool {
        let Self::Own {
            runtime,
            folder,
            emulator,
        } = self
        else {
            return false;
        };
        drop(emulator.take());
        // The tasks of the previous emulator end and release its port.
        runtime.block_on(async {
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
        });
        *emulator = Some(start(folder));
        true
    }
}

impl Deref for Stage<'_> {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        match self {
            Self::Shared(emulator) => emulator,
            Self::Own { emulator, .. } => emulator.as_ref().unwrap(),
        }
    }
}

/// Opens a data folder. A dropped emulator keeps it until all its changes are written.
fn start(folder: &Folder) -> Emulator {
    loop {
        let options = Options {
            pace: Pace::Eager,
            data_folder: Some(folder.path().to_owned()),
            ..Options::default()
        };
        match Emulator::start_with(options) {
            Ok(emulator) => return emulator,
            Err(StartError::DataFolder(JournalError::InUse { .. })) => std::thread::yield_now(),
            Err(error) => panic!("{error:?}"),
        }
    }
}
