//! The Rust side of the WIT, one module a package.
//!
//! Host functions are trappable: a call that is out of host calls ends. Only
//! `http` waits, so only it is asynchronous.

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
                import lyceum:host/crypto@1.0.0;
            }
        ",
        path: ["../../schema/wit/types/1.0.0", "../../schema/wit/host/1.0.0"],
        imports: { "lyceum:host/http": async | trappable, default: trappable },
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
