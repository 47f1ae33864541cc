//! Identity, profiles, workspaces and the gate.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::command::main::<auth_svc::AuthService>()
}
