//! The process of the onboarding service.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::command::main::<onboarding_svc::OnboardingService>()
}
