//! A Grafana dashboard. Grafana describes its form in `kinds/dashboard/dashboard_kind.cue`.

use serde_json::{Value, json};

use super::limits::latency_seconds;
use super::panels::{Panel, ROWS};
use crate::subscriber::Subscriber;

/// Columns of the grid.
const COLUMNS: usize = 24;
const PANEL_WIDTH: usize = 8;
const PANEL_HEIGHT: usize = 8;

/// Returns the dashboard.
///
/// It has no `uid`, so that the dashboards of several services do not replace one another.
pub(in crate::generate) fn dashboard(subscribers: &[Subscriber]) -> Value {
    let mut grid = Grid::default();
    let mut panels = vec![grid.list(subscribers)];
    for row in ROWS {
        panels.push(grid.row(row.title));
        panels.extend(row.panels.iter().map(|panel| grid.chart(panel)));
    }
    json!({
        "title": "pushgate",
        "description": "Written by the command `generate` from the declarations.",
        "tags": ["pushgate"],
        "schemaVersion": 39,
        "timezone": "browser",
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [data_source(), job(), subscription(subscribers)]},
        "annotations": {"list": []},
        "panels": panels,
    })
}

fn data_source() -> Value {
    json!({"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"})
}

/// Returns the variable of the service, by the name that Prometheus gives it.
fn job() -> Value {
    json!({
        "type": "query", "name": "job", "label": "Service", "datasource": prometheus(),
        "query": {"query": "label_values(pushgate_pushes_limit, job)", "refId": "job"},
        "refresh": 1, "sort": 1, "multi": true, "includeAll": true, "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
    })
}

/// Returns the variable of the declared subscriptions.
fn subscription(subscribers: &[Subscriber]) -> Value {
    let option = |text: &str, value: &str, is_selected: bool| json!({"text": text, "value": value, "selected": is_selected});
    let mut ids: Vec<&str> = subscribers
        .iter()
        .map(|declared| declared.id.as_str())
        .collect();
    ids.sort_unstable();
    let all = option("All", "$__all", true);
    let options: Vec<Value> = [all]
        .into_iter()
        .chain(ids.iter().map(|id| option(id, id, false)))
        .collect();
    json!({
        "type": "custom", "name": "subscription", "label": "Subscription",
        "query": ids.join(","), "multi": true, "includeAll": true,
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": options,
    })
}

fn prometheus() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// Returns a table of the declarations as Markdown.
fn declarations(subscribers: &[Subscriber]) -> String {
    let mut table = String::from(
        "| subscription | topic | purpose | owner | messages a second | a run takes | may wait | attempts | dead letters |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for declared in subscribers {
        let operation = &declared.operation;
        let rate = operation.expected.messages_per_second;
        let cells = [
            declared.id.clone(),
            declared.topic.clone(),
            declared.purpose.clone(),
            operation.owner.clone().unwrap_or_default(),
            rate.map(|rate| rate.to_string()).unwrap_or_default(),
            format!("{} s", latency_seconds(declared)),
            format!("{} s", operation.alerts.oldest_unacked_age.as_secs()),
            declared.cloud.attempts.to_string(),
            declared.dead_letter_topic.clone(),
        ];
        let cells = cells.map(|cell| cell.replace('|', "/").replace(['\r', '\n'], " "));
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}

/// The places of panels, from the top left.
#[derive(Default)]
struct Grid {
    panels: usize,
    x: usize,
    y: usize,
}

impl Grid {
    /// Returns the place and the number of the next panel.
    fn place(&mut self, width: usize, height: usize) -> (usize, Value) {
        if self.x + width > COLUMNS {
            self.x = 0;
            self.y += PANEL_HEIGHT;
        }
        let place = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.x += width;
        self.panels += 1;
        (self.panels, place)
    }

    /// Ends the line.
    fn line(&mut self, height: usize) {
        self.x = 0;
        self.y += height;
    }

    fn list(&mut self, subscribers: &[Subscriber]) -> Value {
        let height = 4 + subscribers.len();
        let (id, place) = self.place(COLUMNS, height);
        self.line(height);
        json!({
            "id": id, "type": "text", "title": "Declarations", "gridPos": place,
            "options": {"mode": "markdown", "content": declarations(subscribers)},
        })
    }

    fn row(&mut self, title: &str) -> Value {
        if self.x > 0 {
            self.line(PANEL_HEIGHT);
        }
        let (id, place) = self.place(COLUMNS, 1);
        self.line(1);
        json!({"id": id, "type": "row", "title": title, "collapsed": false, "panels": [], "gridPos": place})
    }

    fn chart(&mut self, panel: &Panel) -> Value {
        let (id, place) = self.place(PANEL_WIDTH, PANEL_HEIGHT);
        let queries = panel.queries.iter().zip('A'..);
        let targets: Vec<Value> = queries
            .map(|(query, name)| {
                json!({"refId": name.to_string(), "expr": query.expression(), "legendFormat": query.legend, "datasource": prometheus()})
            })
            .collect();
        json!({
            "id": id, "type": "timeseries", "title": panel.title, "description": panel.description,
            "gridPos": place, "datasource": prometheus(), "targets": targets,
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "options": {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
        })
    }
}
