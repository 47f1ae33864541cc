//! The process of the manifest store.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::command::main::<bcm_svc::BcmService>()
}
