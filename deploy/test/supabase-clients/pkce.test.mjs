// Sign-ins by mail that end in the client that began them (PKCE).

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { APP, PASSWORD, client, device, done, letter, newEmail, person, raw, rawRefused, refused } from './rig.mjs'

/** RFC 7636, appendix B. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

const waitingClient = () => client({ flowType: 'pkce' })

/** Follows the link of a mail as a browser does, up to where it leads. */
const follow = async ({ token_hash }, type, to = '') => {
  assert.match(token_hash, /^pkce_/)
  const answer = await raw('GET', `/verify?token=${token_hash}&type=${type}${to && `&redirect_to=${encodeURIComponent(to)}`}`)
  assert.equal(answer.status, 303)
  return new URL(answer.headers.get('location'))
}

const codeOf = (place) => place.searchParams.get('code') ?? assert.fail(`no code in ${place}`)

const exchange = (auth_code, code_verifier) => raw('POST', '/token?grant_type=pkce', { body: { auth_code, code_verifier } })

/** A code of a sign-in by mail that waits for the verifier of the specification. */
const codeForVerifier = async (email, challenge = { code_challenge: CHALLENGE, code_challenge_method: 's256' }) => {
  assert.equal((await raw('POST', '/otp', { body: { email, create_user: true, ...challenge } })).status, 200)
  return codeOf(await follow(await letter(email, 'magiclink'), 'magiclink'))
}

describe('a client that waits', { concurrency: 6 }, () => {
  it('gets the session of a sign-up, and the address of the page shows none', async () => {
    const auth = waitingClient()
    const email = newEmail()
    done(await auth.signUp({ email, password: PASSWORD, options: { emailRedirectTo: `${APP}/welcome?step=1` } }))
    const mail = await letter(email, 'signup')
    const place = await follow(mail, 'signup', mail.redirect_to)
    assert.equal(place.hash, '')
    assert.equal(`${place.origin}${place.pathname}`, `${APP}/welcome`)
    assert.equal(place.searchParams.get('step'), '1')
    const { session, user } = done(await auth.exchangeCodeForSession(codeOf(place)))
    assert.ok(session.access_token && user.email_confirmed_at)
    assert.equal(done(await auth.getUser()).user.email, email)
  })

  it('gets the session of a sign-in by mail, and its own parameters come back', async () => {
    const auth = waitingClient()
    const email = newEmail()
    done(await auth.signInWithOtp({ email, options: { emailRedirectTo: `${APP}/in?sb_flow_id=abc` } }))
    const mail = await letter(email, 'magiclink')
    const place = await follow(mail, 'magiclink', mail.redirect_to)
    assert.equal(place.searchParams.get('sb_flow_id'), 'abc')
    assert.equal(done(await auth.exchangeCodeForSession(codeOf(place))).user.email, email)
  })

  it('learns that a recovery is one', async () => {
    const { email } = await person()
    const auth = waitingClient()
    done(await auth.resetPasswordForEmail(email, { redirectTo: `${APP}/reset` }))
    const place = await follow(await letter(email, 'recovery'), 'recovery', `${APP}/reset`)
    const events = []
    auth.onAuthStateChange((event) => events.push(event))
    done(await auth.exchangeCodeForSession(codeOf(place)))
    assert.ok(events.includes('PASSWORD_RECOVERY'), events.join())
  })

  it('is the only one that gets the session, and the address is confirmed all the same', async () => {
    const email = newEmail()
    done(await waitingClient().signUp({ email, password: PASSWORD }))
    const code = codeOf(await follow(await letter(email, 'signup'), 'signup'))
    assert.equal((await waitingClient().exchangeCodeForSession(code)).error.name, 'AuthPKCECodeVerifierMissingError')
    const other = waitingClient()
    // This client waits for another sign-in, with a verifier of its own.
    done(await other.signInWithOtp({ email: newEmail() }))
    refused(await other.exchangeCodeForSession(code), 400, 'bad_code_verifier')
    await device(email)
  })

  it('may be answered by the typed code of the mail instead', async () => {
    const auth = waitingClient()
    const email = newEmail()
    done(await auth.signUp({ email, password: PASSWORD }))
    const { code } = await letter(email, 'signup')
    assert.ok(done(await auth.verifyOtp({ type: 'signup', email, token: code })).session)
  })
})

describe('the code of a waiting sign-in', { concurrency: 6 }, () => {
  it('is exchanged for the verifier of the specification, once', async () => {
    const code = await codeForVerifier(newEmail())
    const answers = await Promise.all(Array.from({ length: 6 }, () => exchange(code, VERIFIER)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    for (const answer of answers.filter(({ status }) => status !== 200)) rawRefused(answer, 404, 'flow_state_not_found')
    rawRefused(await exchange(code, VERIFIER), 404, 'flow_state_not_found')
  })

  it('is exchanged for no other verifier', async () => {
    const code = await codeForVerifier(newEmail())
    for (const verifier of [`${VERIFIER.slice(0, -1)}l`, VERIFIER.toLowerCase(), CHALLENGE, `${VERIFIER}A`, 'x']) {
      rawRefused(await exchange(code, verifier), 400, 'bad_code_verifier')
    }
  })

  it('is exchanged for a plain verifier when that was agreed, whatever its spelling', async () => {
    const email = newEmail()
    const code = await codeForVerifier(email, { code_challenge: VERIFIER, code_challenge_method: 'PLAIN' })
    rawRefused(await exchange(code, CHALLENGE), 400, 'bad_code_verifier')
    const answer = await exchange(code, VERIFIER)
    assert.deepEqual([answer.status, answer.body.user.email], [200, email])
  })

  it('is needed, and so is the verifier', async () => {
    for (const [code, verifier] of [['', VERIFIER], [randomUUID(), ''], [null, null], [undefined, VERIFIER]]) {
      rawRefused(await exchange(code, verifier), 400, 'validation_failed')
    }
  })

  it('is not one that somebody made up', async () => {
    for (const code of [randomUUID(), 'x', 'pkce_x', '%']) rawRefused(await exchange(code, VERIFIER), 404, 'flow_state_not_found')
  })

  it('is not the token of the link', async () => {
    const email = newEmail()
    const body = { email, code_challenge: CHALLENGE, code_challenge_method: 's256' }
    assert.equal((await raw('POST', '/otp', { body })).status, 200)
    const { token_hash } = await letter(email, 'magiclink')
    rawRefused(await exchange(token_hash, VERIFIER), 404, 'flow_state_not_found')
    rawRefused(await exchange(token_hash.slice(5), VERIFIER), 404, 'flow_state_not_found')
  })
})

describe('a challenge', { concurrency: 4 }, () => {
  let email

  before(() => {
    email = newEmail('nobody')
  })

  for (const [what, challenge] of [
    ['without its method', { code_challenge: CHALLENGE, code_challenge_method: null }],
    ['that is only a method', { code_challenge: null, code_challenge_method: 's256' }],
    ['of a method that nobody knows', { code_challenge: CHALLENGE, code_challenge_method: 'md5' }],
    ['that is too short', { code_challenge: CHALLENGE.slice(0, 42), code_challenge_method: 's256' }],
    ['that is too long', { code_challenge: 'a'.repeat(129), code_challenge_method: 's256' }],
    ['with other characters', { code_challenge: CHALLENGE.replace('-', '/'), code_challenge_method: 's256' }],
  ]) {
    it(`${what} is refused wherever a mail is asked for`, async () => {
      for (const [path, body] of [
        ['/signup', { password: PASSWORD }],
        ['/otp', { create_user: false }],
        ['/recover', {}],
        ['/resend', { type: 'signup' }],
      ]) {
        rawRefused(await raw('POST', path, { body: { email, ...body, ...challenge } }), 400, 'validation_failed')
      }
    })
  }
})
