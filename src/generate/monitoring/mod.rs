//! Dashboards and alert rules for Prometheus and Grafana. Terraform has those of Cloud Monitoring.

mod dashboard;
mod limits;
mod panels;
mod query;
mod rules;

pub(super) use self::dashboard::dashboard;
pub(super) use self::rules::rules;
