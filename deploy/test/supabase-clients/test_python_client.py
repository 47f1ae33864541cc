"""Supabase's Python client, unmodified, against the provider. The name of each test is a sentence about its behaviour."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from rig import (
    APP,
    OTHER_PASSWORD,
    PASSWORD,
    PUBLISHABLE_KEY,
    REUSE_INTERVAL_S,
    REVOKED_KEY,
    SECRET_KEY,
    admin_client,
    altered,
    app_code,
    claims,
    client,
    device,
    follow,
    hs256,
    legacy_key,
    letter,
    member,
    new_email,
    person,
    refused,
    wrong_code,
)
from supabase_auth import SyncMemoryStorage
from supabase_auth.errors import AuthApiError, AuthInvalidJwtError, AuthWeakPasswordError


@pytest.fixture(scope="module")
def email():
    """Somebody whose password and address no test changes."""
    return person()[1]


@pytest.fixture(scope="module")
def guarded():
    """Somebody with a second factor: address, factor, its secret, and the client that showed it."""
    auth, email = person()
    factor = auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
    secret = factor.totp.secret
    with refused(422, "mfa_verification_failed"):
        auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": wrong_code(app_code(secret))})
    auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": app_code(secret)})
    return email, factor.id, secret, auth


def test_a_sign_up_waits_for_the_mail_and_its_code_signs_in():
    auth, email = client(), new_email()
    answer = auth.sign_up({"email": email.upper(), "password": PASSWORD, "options": {"data": {"name": "Ann"}}})
    assert answer.session is None and answer.user.email == email and answer.user.email_confirmed_at is None
    with refused(400, "email_not_confirmed"):
        client().sign_in_with_password({"email": email, "password": PASSWORD})
    mail = letter(email, "signup")
    with refused(403, "otp_expired"):
        auth.verify_otp({"type": "signup", "email": email, "token": wrong_code(mail.code)})
    session = auth.verify_otp({"type": "signup", "email": email, "token": mail.code}).session
    assert session.user.user_metadata["name"] == "Ann" and session.user.email_confirmed_at
    with refused(403, "otp_expired"):
        client().verify_otp({"type": "signup", "email": email, "token": mail.code})
    with refused(403, "otp_expired"):
        client().verify_otp({"type": "signup", "token_hash": mail.token_hash})


def test_a_taken_address_gets_no_session(email):
    answer = client().sign_up({"email": email, "password": OTHER_PASSWORD})
    assert answer.session is None
    with refused(400, "invalid_credentials"):
        device(email, OTHER_PASSWORD)
    device(email)


def test_a_weak_password_is_named_as_such():
    with pytest.raises(AuthWeakPasswordError) as caught:
        client().sign_up({"email": new_email(), "password": "short"})
    assert (caught.value.status, caught.value.reasons) == (422, ["length"])


def test_what_is_no_address_is_refused():
    with refused(400, "validation_failed"):
        client().sign_up({"email": "xx:;x@x.x", "password": PASSWORD})


def test_anonymous_and_telephone_accounts_are_switched_off():
    with refused(422, "anonymous_provider_disabled"):
        client().sign_in_anonymously()
    with refused(400, "phone_provider_disabled"):
        client().sign_up({"phone": "+14155550100", "password": PASSWORD})


def test_the_right_password_gives_a_session(email):
    auth, session = device(email.upper())
    assert session.token_type == "bearer" and session.expires_in == 3600
    assert auth.get_user().user.email == email
    assert auth.get_user_identities().identities[0].provider == "email"


@pytest.mark.parametrize("password", [OTHER_PASSWORD, PASSWORD.upper(), PASSWORD[:-1], PASSWORD + " "])
def test_a_wrong_password_is_refused(email, password):
    auth = client()
    with refused(400, "invalid_credentials"):
        auth.sign_in_with_password({"email": email, "password": password})
    assert auth.get_session() is None


def test_an_unknown_address_is_refused_like_a_wrong_password():
    with refused(400, "invalid_credentials"):
        device(new_email("nobody"))


def test_organisations_and_identity_tokens_are_switched_off():
    with refused(404, "saml_provider_disabled"):
        client().sign_in_with_sso({"domain": "example.test"})
    with refused(400, "provider_disabled"):
        client().sign_in_with_id_token({"provider": "google", "token": "x.y.z"})


def test_the_claims_are_verified_by_the_published_keys(email):
    auth, session = device(email)
    read = auth.get_claims()["claims"]
    assert (read["email"], read["aal"], read["role"]) == (email, "aal1", "authenticated")
    with pytest.raises(AuthInvalidJwtError):
        client().get_claims(altered(session.access_token, sub=str(uuid.uuid4())))


def test_a_token_is_believed_with_the_legacy_secret(email):
    payload = claims(device(email)[1].access_token)
    assert client().get_user(hs256(payload)).user.email == email


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda token: altered(token, aal="aal2"), id="altered"),
        pytest.param(lambda token: token[:-8] + "AAAAAAAA", id="signed_otherwise"),
        pytest.param(lambda token: hs256(claims(token), "a-guessed-secret-of-more-than-32-bytes!!"), id="of_a_guessed_secret"),
        pytest.param(lambda token: hs256(claims(token) | {"exp": int(time.time()) - 120}), id="expired"),
        pytest.param(lambda token: hs256(claims(token) | {"aud": "somebody-else"}), id="for_another_audience"),
        pytest.param(lambda token: hs256(claims(token) | {"iss": "http://evil.example/auth/v1"}), id="of_another_issuer"),
        pytest.param(lambda token: hs256({name: value for name, value in claims(token).items() if name != "sub"}), id="of_nobody"),
        pytest.param(lambda _: legacy_key("anon"), id="that_is_the_legacy_key"),
        pytest.param(lambda _: legacy_key("service_role"), id="that_is_the_legacy_secret_key"),
        pytest.param(lambda _: PUBLISHABLE_KEY, id="that_is_the_publishable_key"),
    ],
)
def test_a_token_is_not_believed(email, forge):
    _, session = device(email)
    with refused(403, "bad_jwt"):
        client().get_user(forge(session.access_token))


def test_a_token_of_a_session_that_never_was_is_refused(email):
    payload = claims(device(email)[1].access_token)
    with refused(403, "session_not_found"):
        client().get_user(hs256(payload | {"session_id": str(uuid.uuid4())}))


def test_a_refresh_gives_the_next_pair(email):
    auth, session = device(email)
    following = auth.refresh_session().session
    assert following.refresh_token != session.refresh_token
    assert claims(following.access_token)["session_id"] == claims(session.access_token)["session_id"]


def test_twenty_refreshes_at_once_get_one_token(email):
    _, session = device(email)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: client().refresh_session(session.refresh_token), range(20)))
    tokens = {answer.session.refresh_token for answer in answers}
    assert len(tokens) == 1 and session.refresh_token not in tokens


def test_an_old_token_that_turns_up_late_ends_the_session(email):
    _, session = device(email)
    second = client().refresh_session(session.refresh_token).session
    third = client().refresh_session(second.refresh_token).session
    time.sleep(REUSE_INTERVAL_S + 1)
    with refused(400, "refresh_token_already_used"):
        client().refresh_session(session.refresh_token)
    with refused(400, "refresh_token_not_found"):
        client().refresh_session(third.refresh_token)
    with refused(403, "session_not_found"):
        client().get_user(third.access_token)


@pytest.mark.parametrize("token", ["x", "abcdefghijkl", "💥"])
def test_what_is_no_refresh_token_is_refused(token):
    with refused(400, "validation_failed"):
        client().refresh_session(token)


def test_an_expired_access_token_is_renewed_by_the_client(email):
    _, session = device(email)
    expired = hs256(claims(session.access_token) | {"exp": int(time.time()) - 600})
    auth = client()
    assert auth.set_session(expired, session.refresh_token).session.refresh_token != session.refresh_token
    assert auth.get_user().user.email == email


def test_signing_out_of_one_device_ends_its_session_alone(email):
    (here, mine), (_, other) = device(email), device(email)
    here.sign_out({"scope": "local"})
    with refused(403, "session_not_found"):
        client().get_user(mine.access_token)
    with refused(400, "refresh_token_not_found"):
        client().refresh_session(mine.refresh_token)
    assert client().get_user(other.access_token).user.email == email


def test_metadata_is_merged_and_not_about_the_address(email):
    auth, _ = device(email)
    auth.update_user({"data": {"team": "red", "size": 3}})
    metadata = auth.update_user({"data": {"team": None, "email": "else@example.test"}}).user.user_metadata
    assert (metadata.get("team"), metadata["size"], metadata["email"]) == (None, 3, email)


def test_a_password_changes_by_recovery_and_every_other_session_ends():
    auth, email = person()
    old = auth.get_session()
    client().reset_password_for_email(email)
    mail = letter(email, "recovery")
    for kind in ("signup", "email_change"):
        with refused(403, "otp_expired"):
            client().verify_otp({"type": kind, "token_hash": mail.token_hash})
    here = client()
    here.verify_otp({"type": "recovery", "token_hash": mail.token_hash})
    with refused(422, "same_password"):
        here.update_user({"password": PASSWORD})
    with refused(400, "current_password_invalid"):
        here.update_user({"password": OTHER_PASSWORD, "current_password": "not this one"})
    here.update_user({"password": OTHER_PASSWORD})
    with refused(403, "session_not_found"):
        client().get_user(old.access_token)
    with refused(400, "invalid_credentials"):
        device(email)
    _, other = device(email, OTHER_PASSWORD)
    here.sign_out()
    with refused(403, "session_not_found"):
        client().get_user(other.access_token)


def test_a_code_of_a_mail_signs_in_and_makes_the_account():
    email = new_email()
    client().sign_in_with_otp({"email": email, "options": {"data": {"name": "New"}}})
    mail = letter(email, "magiclink")
    with refused(403, "otp_expired"):
        client().verify_otp({"type": "email", "email": email, "token": wrong_code(mail.code)})
    user = client().verify_otp({"type": "email", "email": email, "token": mail.code}).user
    assert user.user_metadata["name"] == "New"
    with refused(400, "invalid_credentials"):
        device(email)


def test_an_implicit_link_signs_in_once():
    email = new_email()
    client().sign_in_with_otp({"email": email})
    mail = letter(email, "magiclink")
    place = follow(mail.token_hash, "magiclink")
    assert place.startswith(APP)
    auth = client()
    auth.initialize(url=place)
    assert auth.get_user().user.email == email
    again = parse_qs(urlsplit(follow(mail.token_hash, "magiclink")).fragment)
    assert again["error_code"] == ["otp_expired"] and "access_token" not in again


def test_a_waiting_client_exchanges_its_code_once():
    storage, email = SyncMemoryStorage(), new_email()
    auth = client(flow_type="pkce", storage=storage, storage_key="waiting")
    auth.sign_in_with_otp({"email": email, "options": {"email_redirect_to": APP}})
    place = urlsplit(follow(letter(email, "magiclink").token_hash, "magiclink"))
    assert not place.fragment
    code = parse_qs(place.query)["code"][0]
    for verifier in ("x" * 43, "y" * 128):
        with refused(400, "bad_code_verifier"):
            client().exchange_code_for_session({"auth_code": code, "code_verifier": verifier})
    verifier = storage.get_item("waiting-code-verifier").split("/")[0]
    assert auth.exchange_code_for_session({"auth_code": code}).user.email == email
    with refused(404, "flow_state_not_found"):
        client().exchange_code_for_session({"auth_code": code, "code_verifier": verifier})


def test_an_address_changes_once_both_have_agreed():
    auth, email = person()
    moved = new_email("moved")
    assert auth.update_user({"email": moved}).user.new_email == moved
    half = client().verify_otp({"type": "email_change", "token_hash": letter(moved, "email_change").token_hash})
    assert half.session is None and half.user is None
    with refused(400, "invalid_credentials"):
        device(moved)
    whole = client().verify_otp({"type": "email_change", "token_hash": letter(email, "email_change").token_hash})
    assert whole.user.email == moved
    with refused(400, "invalid_credentials"):
        device(email)
    device(moved)


def test_a_second_factor_raises_the_session(guarded):
    email, factor, secret, auth = guarded
    level = auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal2", "aal2")
    assert [found.id for found in auth.mfa.list_factors().totp] == [factor]
    with refused(422, "mfa_factor_not_found"):
        auth.mfa.verify({"factor_id": factor, "challenge_id": str(uuid.uuid4()), "code": app_code(secret, 1)})


def test_one_factor_does_not_take_an_account_over_that_has_two(guarded):
    email, factor, _, _ = guarded
    single, session = device(email)
    assert claims(session.access_token)["aal"] == "aal1"
    with refused(401, "insufficient_aal"):
        single.update_user({"password": OTHER_PASSWORD})
    with refused(422, "insufficient_aal"):
        single.mfa.unenroll({"factor_id": factor})
    with refused(403, "insufficient_aal"):
        single.mfa.enroll({"factor_type": "totp", "friendly_name": "mine"})


def test_a_factor_is_of_no_use_to_others(guarded, email):
    _, factor, _, _ = guarded
    other, _ = device(email)
    with refused(404, "mfa_factor_not_found"):
        other.mfa.challenge({"factor_id": factor})
    with refused(404, "mfa_factor_not_found"):
        other.mfa.unenroll({"factor_id": factor})


def test_a_mail_is_sent_once_more_only_for_what_waits(email):
    assert client().resend({"type": "signup", "email": email}).user is None
    with refused(400, "validation_failed"):
        client().resend({"type": "recovery", "email": email})


def test_an_identity_is_neither_linked_nor_taken_away(email):
    auth, _ = device(email)
    with refused(404, "manual_linking_disabled"):
        auth.unlink_identity(auth.get_user_identities().identities[0])
    with refused(404, "manual_linking_disabled"):
        auth.link_identity({"provider": "github"})


def test_a_server_makes_an_account_whose_owner_signs_in_at_once():
    email = new_email("server")
    metadata = {"plan": "pro", "provider": "forged"}
    asked = {"email": email.upper(), "password": PASSWORD, "email_confirm": True, "app_metadata": metadata}
    user = admin_client().admin.create_user(asked).user
    assert (user.email, user.role) == (email, "authenticated")
    assert user.app_metadata == {"provider": "email", "providers": ["email"], "plan": "pro"}
    _, session = device(email)
    assert session.user.id == user.id and claims(session.access_token)["app_metadata"]["plan"] == "pro"


def test_a_server_makes_no_account_that_cannot_be():
    admin, someone = admin_client().admin, member()
    with refused(422, "email_exists"):
        admin.create_user({"email": someone.email.upper()})
    with refused(422, "user_already_exists"):
        admin.create_user({"email": new_email(), "id": someone.id})
    for wrong in ({"email": "xx:;x@x.x"}, {"email": None}, {"id": "x"}, {"ban_duration": "1d"}):
        with refused(400, "validation_failed"):
            admin.create_user({"email": new_email()} | wrong)
    with pytest.raises(AuthWeakPasswordError):
        admin.create_user({"email": new_email(), "password": "short"})


def test_an_account_without_a_password_is_opened_by_none_and_one_without_confirmation_waits():
    with refused(400, "invalid_credentials"):
        device(member(password=None).email)
    with refused(400, "email_not_confirmed"):
        device(member(email_confirm=False).email)


def test_a_server_lists_accounts_the_newest_first():
    admin, (older, newer) = admin_client().admin, (member(password=None), member(password=None))
    listed = [user.id for user in admin.list_users(page=1, per_page=100)]
    assert listed.index(newer.id) < listed.index(older.id)
    assert len(admin.list_users(per_page=1)) == 1 and len(admin.list_users()) <= 50
    for page, per_page in ((0, 10), (-1, 10), (1, 0)):
        with refused(400, "validation_failed"):
            admin.list_users(page, per_page)


def test_an_account_is_found_by_its_id_alone():
    admin, user = admin_client().admin, member(password=None)
    assert admin.get_user_by_id(user.id).user == user
    with refused(404, "user_not_found"):
        admin.get_user_by_id(str(uuid.uuid4()))
    with refused(404, "user_not_found"):
        admin.update_user_by_id(str(uuid.uuid4()), {"password": OTHER_PASSWORD})


def test_a_server_merges_metadata_and_moves_an_account_at_once():
    admin, user, moved = admin_client().admin, member(user_metadata={"team": "red", "size": 3}), new_email("moved")
    proof = admin.generate_link({"type": "recovery", "email": user.email}).properties.hashed_token
    metadata = {"user_metadata": {"team": None}, "app_metadata": {"plan": "pro", "providers": None}}
    changed = admin.update_user_by_id(user.id, {"email": moved.upper(), "email_confirm": True} | metadata).user
    assert (changed.email, changed.user_metadata.get("team"), changed.user_metadata["size"]) == (moved, None, 3)
    assert changed.app_metadata == {"provider": "email", "providers": ["email"], "plan": "pro"}
    with refused(403, "otp_expired"):
        client().verify_otp({"type": "recovery", "token_hash": proof})
    with refused(422, "email_exists"):
        admin.update_user_by_id(member(password=None).id, {"email": moved})
    with refused(400, "invalid_credentials"):
        device(user.email)
    device(moved)


def test_a_password_that_a_server_sets_signs_in_and_ends_every_session():
    user = member()
    _, session = device(user.email)
    admin_client().admin.update_user_by_id(user.id, {"password": OTHER_PASSWORD})
    with refused(403, "session_not_found"):
        client().get_user(session.access_token)
    with refused(400, "refresh_token_not_found"):
        client().refresh_session(session.refresh_token)
    with refused(400, "invalid_credentials"):
        device(user.email)
    device(user.email, OTHER_PASSWORD)


def test_a_ban_holds_everywhere_until_it_is_lifted():
    admin, user = admin_client().admin, member()
    _, session = device(user.email)
    assert admin.update_user_by_id(user.id, {"ban_duration": "24h"}).user.banned_until
    with refused(403, "user_banned"):
        client().get_user(session.access_token)
    with refused(400, "user_banned"):
        client().refresh_session(session.refresh_token)
    with refused(400, "user_banned"):
        device(user.email)
    assert admin.update_user_by_id(user.id, {"ban_duration": "none"}).user.banned_until is None
    device(user.email)


@pytest.mark.parametrize("softly", [False, True])
def test_an_account_that_a_server_deletes_is_gone_and_its_address_free(softly):
    admin, user = admin_client().admin, member()
    _, session = device(user.email)
    admin.delete_user(user.id, should_soft_delete=softly)
    for gone in (admin.get_user_by_id, admin.delete_user):
        with refused(404, "user_not_found"):
            gone(user.id)
    with pytest.raises(AuthApiError) as caught:
        client().get_user(session.access_token)
    assert caught.value.status == 403 and caught.value.code in ("session_not_found", "user_not_found")
    with pytest.raises(AuthApiError) as caught:
        client().refresh_session(session.refresh_token)
    assert caught.value.status == 400
    with refused(400, "invalid_credentials"):
        device(user.email)
    assert admin.create_user({"email": user.email}).user.id != user.id


def test_a_server_takes_a_second_factor_away_and_the_session_is_lowered():
    admin, user = admin_client().admin, member()
    auth, _ = device(user.email)
    factor = auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
    auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": app_code(factor.totp.secret)})
    assert [(found.id, found.status) for found in admin.mfa.list_factors({"user_id": user.id})] == [(factor.id, "verified")]
    assert admin.mfa.delete_factor({"user_id": user.id, "id": factor.id}).id == factor.id
    assert admin.mfa.list_factors({"user_id": user.id}) == []
    with refused(404, "mfa_factor_not_found"):
        admin.mfa.delete_factor({"user_id": user.id, "id": factor.id})
    assert claims(auth.refresh_session().session.access_token)["aal"] == "aal1"


def test_an_invitation_signs_in_and_is_for_nobody_who_is_there_already():
    admin, email = admin_client().admin, new_email("guest")
    invited = admin.invite_user_by_email(email, {"data": {"name": "Ann"}, "redirect_to": f"{APP}/join"}).user
    assert invited.invited_at and invited.email_confirmed_at is None
    mail = letter(email, "invite")
    user = client().verify_otp({"type": "invite", "token_hash": mail.token_hash}).user
    assert (user.id, user.user_metadata["name"]) == (invited.id, "Ann") and user.email_confirmed_at
    with refused(422, "email_exists"):
        admin.invite_user_by_email(email)


@pytest.mark.parametrize(
    ("kind", "known", "verification"),
    [
        ("signup", False, "signup"),
        ("invite", False, "invite"),
        ("magiclink", False, "signup"),
        ("magiclink", True, "magiclink"),
        ("recovery", True, "recovery"),
    ],
)
def test_a_link_that_a_server_hands_on_signs_in(kind, known, verification):
    email = member().email if known else new_email()
    password = {"password": PASSWORD} if kind == "signup" else {}
    link = admin_client().admin.generate_link({"type": kind, "email": email, "options": {"redirect_to": f"{APP}/in"}} | password)
    made = link.properties
    assert (made.verification_type, made.redirect_to, link.user.email) == (verification, f"{APP}/in", email)
    with refused(403, "otp_expired"):
        client().verify_otp({"type": verification, "email": email, "token": wrong_code(made.email_otp)})
    assert client().verify_otp({"type": verification, "email": email, "token": made.email_otp}).user.id == link.user.id
    with refused(403, "otp_expired"):
        client().verify_otp({"type": verification, "token_hash": made.hashed_token})


def test_a_server_gets_no_link_that_leads_nowhere():
    admin, email, taken = admin_client().admin, member(password=None).email, member(password=None).email
    with refused(404, "user_not_found"):
        admin.generate_link({"type": "recovery", "email": new_email("nobody")})
    with refused(404, "user_not_found"):
        admin.generate_link({"type": "email_change_new", "email": new_email("nobody"), "new_email": new_email()})
    with refused(422, "email_exists"):
        admin.generate_link({"type": "email_change_current", "email": email, "new_email": taken})
    with refused(422, "email_exists"):
        admin.generate_link({"type": "signup", "email": email, "password": PASSWORD})
    for wrong in ({"type": "friendship"}, {"type": "signup", "email": new_email()}, {"type": "email_change_new"}):
        with refused(400, "validation_failed"):
            admin.generate_link({"email": email} | wrong)


SERVICE = claims(legacy_key("service_role"))


@pytest.mark.parametrize(
    ("key", "code"),
    [
        pytest.param(lambda _: PUBLISHABLE_KEY, "bad_jwt", id="the_publishable_key"),
        pytest.param(lambda _: REVOKED_KEY, "bad_jwt", id="a_revoked_key"),
        pytest.param(lambda _: SECRET_KEY[:-1], "bad_jwt", id="a_shorter_key"),
        pytest.param(lambda _: "noise", "bad_jwt", id="noise"),
        pytest.param(lambda _: altered(legacy_key("anon"), role="service_role"), "bad_jwt", id="an_altered_legacy_key"),
        pytest.param(lambda _: hs256(SERVICE, "a-secret-of-another-project-0123456789ab"), "bad_jwt", id="a_key_of_another_project"),
        pytest.param(lambda _: hs256(SERVICE | {"exp": int(time.time()) - 120}), "bad_jwt", id="an_expired_legacy_key"),
        pytest.param(lambda token: altered(token, role="service_role"), "bad_jwt", id="an_altered_token"),
        pytest.param(lambda token: token, "not_admin", id="the_token_of_a_user"),
        pytest.param(lambda _: legacy_key("anon"), "not_admin", id="the_legacy_public_key"),
    ],
)
def test_nobody_is_a_server_with(email, key, code):
    _, session = device(email)
    admin = admin_client(key(session.access_token)).admin
    for do in (
        lambda: admin.list_users(),
        lambda: admin.create_user({"email": new_email()}),
        lambda: admin.delete_user(session.user.id),
        lambda: admin.generate_link({"type": "magiclink", "email": email}),
        lambda: admin.invite_user_by_email(new_email()),
    ):
        with refused(403, code):
            do()
    client().get_user(session.access_token)


def test_the_legacy_secret_key_is_a_server():
    admin, user = admin_client(legacy_key("service_role")).admin, member(password=None)
    assert admin.get_user_by_id(user.id).user == user
