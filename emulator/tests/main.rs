//! Tests of the emulator from the outside.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod answers_first;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod bootstrap;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod console;
#[cfg(test)]
mod control;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod data_folder;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod eventarc;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod feature_table;
#[cfg(test)]
mod first_use;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod gcloud_form;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod image;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod model;
#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod newer_fields;
#[cfg(test)]
mod ordering;
#[cfg(test)]
mod pull;
#[cfg(test)]
mod pushed;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod rest_fuzz;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod seek;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod unwrapped;
