//! Connector classes that a stock worker has and this one does not run: they are listed and validated, so that whoever
//! looks them up finds them; a connector of such a class is shown as FAILED, and its records stay as they are.

use std::sync::Arc;

use crate::config_def::{ConfigDef, ConfigKey, ConfigValue, Default, Importance, Type, Validator};
use crate::connector::{BoxFuture, Plugin, Properties, TaskContext, TaskError};
use crate::settings::PluginKind;

use Default::{Null, Required, Text};
use Importance::{High, Low};

const FILE: ConfigKey = ConfigKey::new("file", Type::String, Null)
    .documented(High, "Path of the file; standard input or output without it.");

static FILE_SINK: ConfigDef = ConfigDef::new(&[FILE]);

static FILE_SOURCE: ConfigDef = ConfigDef::new(&[
    FILE,
    ConfigKey::new("topic", Type::String, Required)
        .documented(High, "Topic to write to.")
        .checked(Validator::NonEmpty),
    ConfigKey::new("batch.size", Type::Int, Text("2000"))
        .documented(Low, "Lines to read at a time."),
]);

/// Of MirrorMaker's many options only what it cannot do without.
static MIRROR: ConfigDef = ConfigDef::new(&[
    ConfigKey::new("source.cluster.alias", Type::String, Required)
        .documented(High, "Name of the cluster to copy from."),
    ConfigKey::new("target.cluster.alias", Type::String, Text("target"))
        .documented(High, "Name of the cluster to copy to."),
    ConfigKey::new("enabled", Type::Boolean, Text("true"))
        .documented(Low, "Whether the connector does anything."),
]);

#[derive(Debug)]
struct Foreign {
    class: &'static str,
    kind: PluginKind,
    def: &'static ConfigDef,
}

/// All of them.
#[must_use]
pub fn plugins() -> Vec<Arc<dyn Plugin>> {
    let mirror = |class| Foreign { class, kind: PluginKind::Source, def: &MIRROR };
    let all = [
        Foreign {
            class: "org.apache.kafka.connect.file.FileStreamSinkConnector",
            kind: PluginKind::Sink,
            def: &FILE_SINK,
        },
        Foreign {
            class: "org.apache.kafka.connect.file.FileStreamSourceConnector",
            kind: PluginKind::Source,
            def: &FILE_SOURCE,
        },
        mirror("org.apache.kafka.connect.mirror.MirrorCheckpointConnector"),
        mirror("org.apache.kafka.connect.mirror.MirrorHeartbeatConnector"),
        mirror("org.apache.kafka.connect.mirror.MirrorSourceConnector"),
    ];
    all.into_iter().map(|plugin| Arc::new(plugin) as Arc<dyn Plugin>).collect()
}

/// What a connector's state shows that this worker cannot run.
pub(crate) fn refusal(class: &str) -> TaskError {
    TaskError {
        trace: format!(
            "org.apache.kafka.connect.errors.ConnectException: this worker does not implement the connector \
             class {class}; its records in the storage topics are left as they are\n"
        ),
    }
}

impl Plugin for Foreign {
    fn class(&self) -> &'static str {
        self.class
    }

    fn version(&self) -> &'static str {
        sink::component::KAFKA_VERSION
    }

    fn kind(&self) -> PluginKind {
        self.kind
    }

    fn runs(&self) -> bool {
        false
    }

    fn config_def(&self) -> &'static ConfigDef {
        self.def
    }

    fn validate(&self, config: Properties) -> BoxFuture<Vec<ConfigValue>> {
        let def = self.def;
        Box::pin(async move {
            let value = |key: &ConfigKey| {
                ConfigValue::of(key, key.name, config.get(key.name).map(String::as_str))
            };
            def.keys.iter().map(value).collect()
        })
    }

    fn start(&self, _config: &Properties) -> Result<(), TaskError> {
        Err(refusal(self.class))
    }

    fn task_configs(&self, _config: &Properties) -> Vec<Properties> {
        Vec::new()
    }

    fn task_class(&self) -> &'static str {
        ""
    }

    fn run(&self, _context: TaskContext) -> BoxFuture<Result<(), TaskError>> {
        let refused = Err(refusal(self.class));
        Box::pin(async move { refused })
    }
}
