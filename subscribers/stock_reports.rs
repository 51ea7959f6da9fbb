//! Subscription `stock-reports`: writes the stock report that Cloud Scheduler requests every night.

use std::io;
use std::time::Duration;

use m2m::stock::{AVRO, ReportRequested};
use pushgate::{
    Context, Environment, Idempotency, Message, Outcome, Schedule, State, Subscriber, TopicSchema,
};

use crate::folder::Folder;

pub(crate) fn subscriber() -> Subscriber {
    let nightly = ReportRequested {
        hall: "all".into(),
        days: 1,
    };
    Subscriber::blocking("stock-reports", write_report)
        .topic("stock-reports")
        .topic_schema(TopicSchema::avro("stock-reports", AVRO))
        .purpose("Writes a report of what has been reserved.")
        .owner("warehouse team")
        .producers(["Cloud Scheduler", "back office"])
        .idempotency(Idempotency::by_message_id())
        .schedule(
            Schedule::cron("30 2 * * *")
                .time_zone("Europe/Berlin")
                .named("stock-reports-nightly")
                .purpose("Asks for the report of the day before.")
                .json(&nightly),
        )
        .ack_deadline(Duration::from_secs(120))
        .expected_latency(Duration::from_secs(60))
}

/// The reports, in the folder `REPORTS_DIR`, or in memory if it is unset.
pub(crate) struct Reports {
    written: Folder,
}

impl Reports {
    pub(crate) async fn open(environment: Environment) -> io::Result<Self> {
        Ok(Self {
            written: Folder::open(&environment, "REPORTS_DIR").await?,
        })
    }
}

fn write_report(
    wish: Message<ReportRequested>,
    reports: State<Reports>,
    context: Context,
) -> io::Result<Outcome> {
    // A later run has the same key, so it writes the same report again.
    let name = format!("{}.txt", context.idempotency_key());
    let report = format!(
        "Stock report, hall {}, days {}\nAsked for at {}\n",
        wish.hall, wish.days, context.publish_time
    );
    reports.written.put(&name, report.as_bytes())?;
    Ok(Outcome::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_written_once() -> io::Result<()> {
        let reports = State::new(Reports {
            written: Folder::in_memory(),
        });
        let wish = ReportRequested {
            hall: "kayaks".into(),
            days: 7,
        };
        let context = Context::for_test("7");
        for _run in 0..2 {
            let written = write_report(Message(wish.clone()), reports.clone(), context.clone());
            assert_eq!(written?, Outcome::Success);
        }
        let name = format!("{}.txt", context.idempotency_key());
        let report = String::from_utf8_lossy(&reports.written.read(&name, 1000)?).into_owned();
        assert!(report.starts_with("Stock report, hall kayaks, days 7\n"));
        Ok(())
    }
}
