//! Deployment: the image without an engine, the files that describe images and services, and the composed system as plain
//! processes.

mod compose;
mod files;
mod image;
