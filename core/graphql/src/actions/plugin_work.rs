//! What plugins do behind the scenes: dead letters and jobs.

use lyceum_domain::job::QueueJob;
use lyceum_kernel::Result;
use serde_json::{Map, Value as Json, json};

use super::{Call, Done, Made, Registry, id_at, text_at};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
};

pub fn register(registry: &mut Registry<'_>) {
    let id = |text: &str| vec![Input::new("id", InputType::Id, text).required()];
    registry.add(
        "replayPluginDelivery",
        "Lets a dead letter be tried again, as often as at first. An after-hook is told of the entry as it is then.",
        id("The dead letter."),
        vec![Output::new("pluginDelivery", "PluginDelivery", "The delivery; null when it was made in the meantime.")],
        replay,
    );
    registry.add(
        "discardPluginDelivery",
        "Throws a dead letter away.",
        id("The dead letter."),
        vec![Output::new("deletedId", "ID", "The id of what is gone.").required()],
        discard,
    );
    let run = || vec![Output::new("pluginJobRun", "PluginJobRun", "The run.")];
    registry.add(
        "runPluginJob",
        "Queues a run of a job of an active plugin.",
        vec![
            Input::new("plugin", InputType::String, "The publisher and the name: `acme/badges`.").required(),
            Input::new("job", InputType::String, "The job's name in the manifest.").required(),
            Input::new(
                "payload",
                InputType::Json,
                "What the job is given: an object, at most 64 KiB; empty when absent.",
            ),
        ],
        run(),
        queue,
    );
    registry.add(
        "cancelPluginJobRun",
        "Ends a run that is not finished. A step under way is cut off.",
        id("The run."),
        run(),
        cancel,
    );
}

async fn replay(call: Call, input: Map<String, Json>) -> Result<Done> {
    let id = id_at(&input, "id", "plugindelivery")?;
    call.domains.deliveries.replay(&call.viewer, id).await?;
    Ok(Done::new(vec![("pluginDelivery", Made::Entity("pluginDelivery".into(), id))]))
}

async fn discard(call: Call, input: Map<String, Json>) -> Result<Done> {
    let id = id_at(&input, "id", "plugindelivery")?;
    call.domains.deliveries.discard(&call.viewer, id).await?;
    Ok(Done::new(vec![("deletedId", Made::Json(id.with_prefix("plugindelivery").into()))]))
}

async fn queue(call: Call, input: Map<String, Json>) -> Result<Done> {
    let payload = input.get("payload").filter(|payload| !payload.is_null()).cloned().unwrap_or_else(|| json!({}));
    let job = QueueJob { plugin: text_at(&input, "plugin").into(), job: text_at(&input, "job").into(), payload };
    let id = call.domains.jobs.enqueue(&call.viewer, &job).await?;
    Ok(Done::new(vec![("pluginJobRun", Made::Entity("pluginJobRun".into(), id))]))
}

async fn cancel(call: Call, input: Map<String, Json>) -> Result<Done> {
    let id = id_at(&input, "id", "pluginjobrun")?;
    call.domains.jobs.cancel(&call.viewer, id).await?;
    Ok(Done::new(vec![("pluginJobRun", Made::Entity("pluginJobRun".into(), id))]))
}
