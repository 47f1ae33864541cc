#[test]
fn the_api_is_the_one_that_was_reviewed() {
    let document = service_kit::http::openapi::<onboarding_svc::OnboardingService>();
    let (users, operators) = testkit::operators::api_parts(document, "/api/admin/onboarding", &[]);
    insta::assert_json_snapshot!("openapi", users);
    // Every service's operators have these.
    insta::assert_json_snapshot!("operators", operators);
}
