//! The payments service's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::command::main::<payments_svc::App>()
}
