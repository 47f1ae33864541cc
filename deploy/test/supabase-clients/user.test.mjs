// Reading and changing one's own account.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  OTHER_PASSWORD, PASSWORD, PUBLISHABLE_KEY, SECRET_MEMBERS, client, device, done, letter, over, person, raw, rawRefused, refresh, refused, wrongCode,
} from './rig.mjs'

describe('the user', { concurrency: 4 }, () => {
  let email

  before(async () => {
    email = (await person()).email
  })

  it('is read from the server, as the session has it', async () => {
    const { auth, session } = await device(email)
    const { user } = done(await auth.getUser())
    assert.equal(user.id, session.user.id)
    assert.equal(user.email, email)
    assert.ok(Date.parse(user.email_confirmed_at) && Date.parse(user.created_at) && Date.parse(user.updated_at))
    assert.doesNotMatch(JSON.stringify(user), SECRET_MEMBERS)
  })

  it('is read by nobody without a token', async () => {
    rawRefused(await raw('GET', '/user'), 401, 'no_authorization')
    rawRefused(await raw('PUT', '/user', { body: { data: {} } }), 401, 'no_authorization')
  })

  it('is read with a token only where a token belongs', async () => {
    const { session } = await device(email)
    const token = session.access_token
    rawRefused(await raw('GET', `/user?access_token=${token}`), 401, 'no_authorization')
    rawRefused(await raw('GET', '/user', { headers: { Authorization: `Basic ${token}` } }), 401, 'no_authorization')
    rawRefused(await raw('GET', '/user', { headers: { Authorization: token } }), 401, 'no_authorization')
    rawRefused(await raw('GET', '/user', { headers: { Cookie: `sb-access-token=${token}` } }), 401, 'no_authorization')
  })

  it('is read whatever the case of the word Bearer', async () => {
    const { session } = await device(email)
    const answer = await raw('GET', '/user', { headers: { Authorization: `bEARER ${session.access_token}` } })
    assert.equal(answer.body.email, email)
  })

  it('has one identity, which cannot be taken away', async () => {
    const { auth, session } = await device(email)
    const { identities } = done(await auth.getUserIdentities())
    assert.deepEqual(identities.map(({ provider, user_id }) => [provider, user_id]), [['email', session.user.id]])
    assert.equal(identities[0].identity_data.email, email)
    refused(await auth.unlinkIdentity(identities[0]), 404, 'manual_linking_disabled')
    refused(await auth.linkIdentity({ provider: 'github' }), 404, 'manual_linking_disabled')
  })

  it('has metadata that is merged, and a null takes a member away', async () => {
    const { auth } = await device(email)
    const events = []
    auth.onAuthStateChange((event) => events.push(event))
    done(await auth.updateUser({ data: { name: 'Ann', team: 'red', list: [1, { two: 2 }] } }))
    const { user } = done(await auth.updateUser({ data: { team: null, age: 30 } }))
    const { name, team, age, list } = user.user_metadata
    assert.deepEqual([name, team, age, list], ['Ann', undefined, 30, [1, { two: 2 }]])
    assert.deepEqual(done(await auth.getUser()).user.user_metadata, user.user_metadata)
    assert.deepEqual((await auth.getSession()).data.session.user.user_metadata, user.user_metadata)
    assert.ok(events.includes('USER_UPDATED'), events.join())
  })

  it('cannot write what the provider says about them', async () => {
    const { auth, session } = await device(email)
    const forged = { email: 'else@example.test', sub: 'somebody', email_verified: false, phone_verified: true }
    const { user } = done(await auth.updateUser({ data: forged }))
    const { sub, email_verified, phone_verified } = user.user_metadata
    assert.deepEqual([user.user_metadata.email, sub, email_verified, phone_verified], [email, session.user.id, true, false])
  })

  it('cannot give themselves a role, other rights or another id', async () => {
    const { session } = await device(email)
    const body = {
      role: 'service_role', aud: 'admin', app_metadata: { groundwork_role: 'operator' }, raw_app_meta_data: { role: 'admin' },
      id: '00000000-0000-4000-8000-000000000000', is_super_admin: true, banned_until: '2020-01-01T00:00:00Z', data: {},
    }
    const { status, body: user } = await raw('PUT', '/user', { token: session.access_token, body })
    assert.equal(status, 200)
    assert.deepEqual([user.role, user.aud, user.id, user.banned_until], ['authenticated', 'authenticated', session.user.id, undefined])
    assert.deepEqual(user.app_metadata, { provider: 'email', providers: ['email'] })
  })

  it('keeps what is null or absent in a change', async () => {
    const { session } = await device(email)
    const body = { email: null, password: null, data: null, phone: null, nonce: null, code_challenge: null, code_challenge_method: null }
    const { status, body: user } = await raw('PUT', '/user', { token: session.access_token, body })
    assert.deepEqual([status, user.email, user.new_email], [200, email, undefined])
    await device(email)
  })

  it('is not changed by a key of the project', async () => {
    rawRefused(await raw('PUT', '/user', { token: PUBLISHABLE_KEY, body: { password: OTHER_PASSWORD } }), 403, 'bad_jwt')
  })

  it('has no telephone number here', async () => {
    const { auth } = await device(email)
    refused(await auth.updateUser({ phone: '+14155550100' }), 400, 'phone_provider_disabled')
  })
})

describe('a new password', { concurrency: 4 }, () => {
  let email

  before(async () => {
    email = (await person()).email
  })

  it('replaces the old one, signs every other device out and is announced to the owner', async () => {
    const { email, auth, session } = await person()
    const other = await device(email)
    done(await auth.updateUser({ password: OTHER_PASSWORD }))
    assert.equal(done(await client().getUser(session.access_token)).user.email, email)
    done(await auth.refreshSession())
    over(await client().getUser(other.session.access_token))
    refused(await refresh(other.session.refresh_token), 400, 'refresh_token_not_found')
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
    await device(email, OTHER_PASSWORD)
    assert.match((await letter(email, 'notice')).text, /password was changed/)
  })

  it('is another one than before', async () => {
    const { auth } = await device(email)
    refused(await auth.updateUser({ password: PASSWORD }), 422, 'same_password')
  })

  it('is long enough, and of a length that somebody types', async () => {
    const { auth } = await device(email)
    const { error } = await auth.updateUser({ password: 'short' })
    assert.deepEqual([error.name, error.status, error.reasons], ['AuthWeakPasswordError', 422, ['length']])
    refused(await auth.updateUser({ password: 'x'.repeat(5000) }), 400, 'validation_failed')
    await device(email)
  })

  it('is refused with a wrong present one', async () => {
    const { auth } = await device(email)
    for (const current_password of ['not this one', PASSWORD.toUpperCase(), 'x'.repeat(5000)]) {
      refused(await auth.updateUser({ password: OTHER_PASSWORD, current_password }), 400, 'current_password_invalid')
    }
    await device(email)
  })

  it('is taken with the present one, and makes the links of earlier mails worthless', async () => {
    const { email, auth } = await person()
    done(await client().resetPasswordForEmail(email))
    const { token_hash } = await letter(email, 'recovery')
    done(await auth.updateUser({ password: OTHER_PASSWORD, current_password: PASSWORD }))
    refused(await client().verifyOtp({ type: 'recovery', token_hash }), 403, 'otp_expired')
    await device(email, OTHER_PASSWORD)
  })

  it('is taken with the code that was mailed for it, once', async () => {
    const { email, auth } = await person()
    done(await auth.reauthenticate())
    const { code } = await letter(email, 'code')
    refused(await auth.updateUser({ password: OTHER_PASSWORD, nonce: wrongCode(code) }), 422, 'reauthentication_not_valid')
    refused(await client().verifyOtp({ type: 'email', email, token: code }), 403, 'otp_expired')
    done(await auth.updateUser({ password: OTHER_PASSWORD, nonce: code }))
    refused(await auth.updateUser({ password: PASSWORD, nonce: code }), 422, 'reauthentication_not_valid')
    await device(email, OTHER_PASSWORD)
  })

  it('is asked for by mail only by somebody who is signed in', async () => {
    rawRefused(await raw('GET', '/reauthenticate'), 401, 'no_authorization')
    rawRefused(await raw('GET', '/reauthenticate', { token: PUBLISHABLE_KEY }), 403, 'bad_jwt')
  })
})
