// Corners of the protocol that no client depends on, and claims and headers of tokens that no honest issuer writes.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { APP, client, claims, device, done, hs256, letter, newEmail, person, raw, rawRefused, refused, waiting } from './rig.mjs'

describe('by the protocol', { concurrency: 4 }, () => {
  let email
  let payload
  let token

  before(async () => {
    const who = await person()
    ;({ email } = who)
    token = (await device(email)).session.access_token
    payload = claims(token)
  })

  // The class of CVE-2026-25537: a claim of another type counts as absent.
  for (const [what, nbf] of [['a text', '9999999999'], ['a fraction', 9_999_999_999.5], ['a huge number', 1e20]]) {
    it(`a token with a beginning in the future that is ${what} is not believed`, async () => {
      refused(await client().getUser(hs256({ ...payload, nbf })), 403, 'bad_jwt')
    })
  }

  // RFC 7515, section 4.1.11: what is named as critical and not understood makes a token invalid.
  it('a token with a critical header that is not understood is not believed', async () => {
    refused(await client().getUser(hs256(payload, { crit: ['something'], something: true })), 403, 'bad_jwt')
  })

  it('a request for another audience than the token has is refused', async () => {
    rawRefused(await raw('GET', '/user', { token, headers: { 'X-JWT-AUD': 'somebody-else' } }), 400, 'validation_failed')
  })

  it('a code to change the password is mailed to no session that is over', async () => {
    const { auth, session } = await device(email)
    done({ data: null, ...(await auth.signOut({ scope: 'local' })) })
    rawRefused(await raw('GET', '/reauthenticate', { token: session.access_token }), 403, 'session_not_found')
  })

  it('the identity of a new user has what the sign-up said', async () => {
    const { user } = await waiting({ options: { data: { name: 'Ann' } } })
    assert.equal(user.identities[0].identity_data.name, 'Ann')
  })

  it('the fragment behind a link ends with sb, by which clients know it', async () => {
    const mine = newEmail()
    done(await client().signInWithOtp({ email: mine }))
    const { token_hash } = await letter(mine, 'magiclink')
    const answer = await raw('GET', `/verify?token=${token_hash}&type=magiclink&redirect_to=${encodeURIComponent(APP)}`)
    const fragment = new URLSearchParams(new URL(answer.headers.get('location')).hash.slice(1))
    assert.equal(fragment.get('sb'), '')
  })

  it('the settings have every member', async () => {
    const { body } = await raw('GET', '/settings')
    for (const name of ['saml_private_key_next_configured', 'passkeys_enabled']) assert.equal(body[name], false, name)
    for (const name of ['google', 'github', 'apple', 'azure']) assert.equal(body.external[name], false, name)
  })

  it('the answer of a refresh names user and session in its headers', async () => {
    const { session } = await device(email)
    const answer = await raw('POST', '/token?grant_type=refresh_token', { body: { refresh_token: session.refresh_token } })
    assert.equal(answer.headers.get('sb-auth-user-id'), session.user.id)
    assert.equal(answer.headers.get('sb-auth-session-id'), claims(session.access_token).session_id)
  })
})
