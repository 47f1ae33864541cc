#[test]
fn the_api_is_the_one_that_was_reviewed() {
    let document = service_kit::http::openapi::<onboarding_svc::OnboardingService>();
    insta::assert_json_snapshot!("openapi", document);
}
