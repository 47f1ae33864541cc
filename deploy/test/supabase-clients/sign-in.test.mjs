// Signing in with a password, and every other way that is switched off.

import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { OTHER_PASSWORD, PASSWORD, claims, client, device, done, newEmail, person, raw, rawRefused, refused } from './rig.mjs'

describe('password sign-in', { concurrency: 4 }, () => {
  let email

  before(async () => {
    email = (await person()).email
  })

  it('gives a session with everything that clients read', async () => {
    const { session, user } = done(await client().signInWithPassword({ email, password: PASSWORD }))
    assert.equal(session.token_type, 'bearer')
    assert.equal(session.expires_in, 3600)
    assert.ok(Math.abs(session.expires_at - Date.now() / 1000 - 3600) < 60)
    assert.equal(typeof session.refresh_token, 'string')
    assert.equal(session.user.id, user.id)
    assert.equal(user.email, email)
    assert.ok(Date.now() - Date.parse(user.last_sign_in_at) < 60_000)
  })

  it('tells the client that it is signed in', async () => {
    const auth = client()
    const events = []
    auth.onAuthStateChange((event, session) => events.push([event, session?.user.email]))
    done(await auth.signInWithPassword({ email, password: PASSWORD }))
    assert.deepEqual(events.at(-1), ['SIGNED_IN', email])
  })

  for (const [what, password] of [
    ['another password', OTHER_PASSWORD],
    ['no password', ''],
    ['the password in capitals', PASSWORD.toUpperCase()],
    ['the password without its last letter', PASSWORD.slice(0, -1)],
    ['the password with a space behind it', `${PASSWORD} `],
    ['the password with more behind a NUL character', `${PASSWORD}\0more`],
    ['the password twice', PASSWORD + PASSWORD],
    ['a pattern that matches everything', '%'],
    ['a password of 200 kilobytes', 'x'.repeat(200_000)],
  ]) {
    it(`is refused with ${what}`, async () => {
      const auth = client()
      const result = await auth.signInWithPassword({ email, password })
      refused(result, 400, 'invalid_credentials')
      assert.equal(result.data.session, null)
      assert.equal((await auth.getSession()).data.session, null)
    })
  }

  it('answers an unknown address like a wrong password', async () => {
    const ask = (address) => raw('POST', '/token?grant_type=password', { body: { email: address, password: OTHER_PASSWORD } })
    const [known, unknown] = [await ask(email), await ask(newEmail('nobody'))]
    assert.deepEqual([known.status, known.text], [unknown.status, unknown.text])
    assert.deepEqual(known.body, { code: 'invalid_credentials', message: 'Invalid login credentials' })
  })

  it('does not mind how the address is spelled', async () => {
    assert.equal(done(await client().signInWithPassword({ email: email.toUpperCase(), password: PASSWORD })).user.email, email)
  })

  it('refuses what is no address like a wrong password', async () => {
    refused(await client().signInWithPassword({ email: "' or 1=1 --", password: PASSWORD }), 400, 'invalid_credentials')
  })

  it('begins another session each time', async () => {
    const [one, two] = [await device(email), await device(email)]
    assert.notEqual(one.session.refresh_token, two.session.refresh_token)
    assert.notEqual(claims(one.session.access_token).session_id, claims(two.session.access_token).session_id)
  })

  it('needs an address', async () => {
    rawRefused(await raw('POST', '/token?grant_type=password', { body: { password: PASSWORD } }), 400, 'validation_failed')
    rawRefused(await raw('POST', '/token?grant_type=password', { body: { email: null, password: PASSWORD } }), 400, 'validation_failed')
  })

  it('takes a password that is not a text for bad JSON', async () => {
    for (const password of [true, 1, ['x'], { $ne: '' }]) {
      rawRefused(await raw('POST', '/token?grant_type=password', { body: { email, password } }), 400, 'bad_json')
    }
  })

  it('refuses an address and a telephone number together', async () => {
    const body = { email, phone: '+14155550100', password: PASSWORD }
    rawRefused(await raw('POST', '/token?grant_type=password', { body }), 400, 'validation_failed')
  })
})

describe('ways to sign in that are switched off', { concurrency: 4 }, () => {
  it('are telephone numbers', async () => {
    refused(await client().signInWithPassword({ phone: '+14155550100', password: PASSWORD }), 400, 'phone_provider_disabled')
  })

  it('are identity tokens of other providers', async () => {
    refused(await client().signInWithIdToken({ provider: 'google', token: 'x.y.z' }), 400, 'provider_disabled')
  })

  it('are wallets', async () => {
    const signed = { chain: 'ethereum', message: 'example.test wants you to sign in', signature: '0x00' }
    refused(await client().signInWithWeb3(signed), 422, 'web3_provider_disabled')
  })

  it('are other providers, to which the client would send the browser', async () => {
    const { url } = done(await client().signInWithOAuth({ provider: 'github', options: { skipBrowserRedirect: true } }))
    const response = await fetch(url, { redirect: 'manual', headers: { 'X-Supabase-Api-Version': '2024-01-01' } })
    assert.deepEqual([response.status, (await response.json()).code], [400, 'validation_failed'])
  })

  it('are the sign-ons of organisations', async () => {
    refused(await client().signInWithSSO({ domain: 'example.test' }), 404, 'saml_provider_disabled')
  })

  it('are grants that nobody knows', async () => {
    for (const query of ['', '?grant_type=', '?grant_type=client_credentials', '?grant_type=password&grant_type=refresh_token']) {
      const answer = await raw('POST', `/token${query}`, { body: { email: newEmail(), password: PASSWORD } })
      rawRefused(answer, 400, 'invalid_credentials')
      assert.equal(answer.body.message, 'unsupported_grant_type')
    }
  })
})
