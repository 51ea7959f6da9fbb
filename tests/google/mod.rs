//! The service with Google's side: our emulator, and Google's own.

mod official;
mod official_forms;
mod pushes;
