//! The Rust side of the WIT, one module a package.
//!
//! Host functions are trappable: a call that is out of host calls ends. Those
//! that wait for the network or the database are asynchronous.

pub(crate) mod host {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world everything {
                import lyceum:host/log@1.0.0;
                import lyceum:host/config@1.0.0;
                import lyceum:host/clock@1.0.0;
                import lyceum:host/random@1.0.0;
                import lyceum:host/metrics@1.0.0;
                import lyceum:host/secret-ref@1.0.0;
                import lyceum:host/kv@1.0.0;
                import lyceum:host/http@1.0.0;
                import lyceum:host/smtp@1.0.0;
                import lyceum:host/crypto@1.0.0;
                import lyceum:host/content-read@1.0.0;
                import lyceum:host/content-write@1.0.0;
                import lyceum:host/events@1.0.0;
            }
        ",
        path: ["../../schema/wit/types/1.0.0", "../../schema/wit/host/1.0.0"],
        imports: {
            "lyceum:host/kv": async | trappable,
            "lyceum:host/http": async | trappable,
            "lyceum:host/smtp": async | trappable,
            "lyceum:host/content-read": async | trappable,
            "lyceum:host/content-write": async | trappable,
            "lyceum:host/events": async | trappable,
            default: trappable,
        },
    });
    pub(crate) use lyceum::host::*;
}

pub(crate) mod payment {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world payment-plugin {
                export lyceum:payment/provider@1.0.0;
                export lyceum:payment/inbound@1.0.0;
            }
        ",
        path: [
            "../../schema/wit/types/1.0.0",
            "../../schema/wit/host/1.0.0",
            "../../schema/wit/payment/1.0.0",
        ],
        with: { "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common },
        exports: { default: async },
    });
}

pub(crate) mod ranking {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world ranking-plugin { export lyceum:ranking/ranker@1.0.0; }
        ",
        path: ["../../schema/wit/ranking/1.0.0"],
        exports: { default: async },
    });
}

pub(crate) mod moderation {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world moderation-plugin { export lyceum:moderation/moderator@1.0.0; }
        ",
        path: ["../../schema/wit/moderation/1.0.0"],
        exports: { default: async },
    });
}

pub(crate) mod lifecycle {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world lifecycle-plugin { export lyceum:lifecycle/lifecycle@1.0.0; }
        ",
        path: ["../../schema/wit/types/1.0.0", "../../schema/wit/lifecycle/1.0.0"],
        with: { "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common },
        exports: { default: async },
    });
}

pub(crate) mod before {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world before-plugin { export lyceum:content/before-hooks@1.0.0; }
        ",
        path: [
            "../../schema/wit/types/1.0.0",
            "../../schema/wit/host/1.0.0",
            "../../schema/wit/content/1.0.0",
        ],
        with: { "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common },
        exports: { default: async },
    });
}

/// Either kind of hooks is optional, so each is a world; the shapes are the same.
pub(crate) mod after {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world after-plugin { export lyceum:content/after-hooks@1.0.0; }
        ",
        path: [
            "../../schema/wit/types/1.0.0",
            "../../schema/wit/host/1.0.0",
            "../../schema/wit/content/1.0.0",
        ],
        with: {
            "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common,
            "lyceum:content/types@1.0.0": crate::bindings::before::lyceum::content::types,
        },
        exports: { default: async },
    });
}

pub(crate) mod notify {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world notify-plugin { export lyceum:notify/notifier@1.0.0; }
        ",
        path: [
            "../../schema/wit/types/1.0.0",
            "../../schema/wit/host/1.0.0",
            "../../schema/wit/notify/1.0.0",
        ],
        with: { "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common },
        exports: { default: async },
    });
}

pub(crate) mod auth {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world auth-plugin { export lyceum:auth/auth-provider@1.0.0; }
        ",
        path: [
            "../../schema/wit/types/1.0.0",
            "../../schema/wit/host/1.0.0",
            "../../schema/wit/auth/1.0.0",
        ],
        with: { "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common },
        exports: { default: async },
    });
}

pub(crate) mod job {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world job-plugin { export lyceum:job/job@1.0.0; }
        ",
        path: [
            "../../schema/wit/types/1.0.0",
            "../../schema/wit/host/1.0.0",
            "../../schema/wit/job/1.0.0",
        ],
        with: { "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common },
        exports: { default: async },
    });
}

pub(crate) mod graphql {
    wasmtime::component::bindgen!({
        inline: "
            package lyceum:host-side;
            world graphql-plugin { export lyceum:graphql/field-resolver@1.0.0; }
        ",
        path: [
            "../../schema/wit/types/1.0.0",
            "../../schema/wit/host/1.0.0",
            "../../schema/wit/graphql/1.0.0",
        ],
        with: { "lyceum:types/common@1.0.0": crate::bindings::host::lyceum::types::common },
        exports: { default: async },
    });
}
