// Second factors: codes of an authenticator app.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import {
  OTHER_PASSWORD, PASSWORD, altered, appCode, claims, client, device, done, hs256, letter, newEmail, over, person, raw, rawRefused, refresh, refused,
  wrongCode,
} from './rig.mjs'

const enrol = async (auth, options = {}) => done(await auth.mfa.enroll({ factorType: 'totp', ...options }))

const verify = async (auth, factor, code) => {
  const { id: challengeId } = done(await auth.mfa.challenge({ factorId: factor.id }))
  return auth.mfa.verify({ factorId: factor.id, challengeId, code })
}

/** Somebody with a second factor that counts, and the session that showed it. */
const protectedPerson = async () => {
  const who = await person()
  const factor = await enrol(who.auth)
  const raised = done(await verify(who.auth, factor, appCode(factor.totp.secret)))
  return { ...who, factor, raised }
}

describe('enrolling a factor', { concurrency: 4 }, () => {
  let email

  before(async () => {
    email = (await person()).email
  })

  it('gives what an authenticator app needs', async () => {
    const { auth } = await device(email)
    const { id, type, friendly_name, totp } = await enrol(auth, { friendlyName: 'my phone', issuer: 'Shop' })
    assert.ok(id)
    assert.deepEqual([type, friendly_name], ['totp', 'my phone'])
    assert.match(totp.qr_code, /^data:image\/svg\+xml;utf-8,<(\?xml|svg)/)
    assert.match(totp.secret, /^[A-Z2-7]{16,}$/)
    const uri = new URL(totp.uri)
    assert.equal(uri.protocol, 'otpauth:')
    assert.deepEqual([uri.searchParams.get('secret'), uri.searchParams.get('issuer')], [totp.secret, 'Shop'])
    const listed = done(await auth.mfa.listFactors())
    assert.ok(listed.all.some((factor) => factor.id === id && factor.status === 'unverified'))
    assert.deepEqual(listed.totp, [])
  })

  it('shows the secret once and never again', async () => {
    const { auth } = await device(email)
    const { totp } = await enrol(auth, { friendlyName: 'secretive' })
    assert.doesNotMatch(JSON.stringify(done(await auth.getUser())), new RegExp(totp.secret))
  })

  it('leaves the session as it was until a code was given', async () => {
    const { auth } = await device(email)
    await enrol(auth, { friendlyName: 'unfinished' })
    const { currentLevel, nextLevel } = done(await auth.mfa.getAuthenticatorAssuranceLevel())
    assert.deepEqual([currentLevel, nextLevel], ['aal1', 'aal1'])
    assert.equal(claims(done(await auth.refreshSession()).session.access_token).aal, 'aal1')
  })

  it('is refused with a name that another factor has', async () => {
    const { auth } = await device(email)
    await enrol(auth, { friendlyName: 'twice' })
    refused(await auth.mfa.enroll({ factorType: 'totp', friendlyName: 'twice' }), 422, 'mfa_factor_name_conflict')
  })

  it('is refused for kinds that are switched off or unknown', async () => {
    const { auth, session } = await device(email)
    refused(await auth.mfa.enroll({ factorType: 'phone', phone: '+14155550100' }), 422, 'mfa_phone_enroll_not_enabled')
    refused(await auth.mfa.enroll({ factorType: 'webauthn', friendlyName: 'key' }), 422, 'mfa_webauthn_enroll_not_enabled')
    const token = session.access_token
    rawRefused(await raw('POST', '/factors', { token, body: { factor_type: 'smoke signals' } }), 400, 'validation_failed')
    rawRefused(await raw('POST', '/factors', { token, body: {} }), 400, 'validation_failed')
  })

  it('is for nobody who is not signed in', async () => {
    const id = randomUUID()
    for (const [method, path] of [['POST', ''], ['POST', `/${id}/challenge`], ['POST', `/${id}/verify`], ['DELETE', `/${id}`]]) {
      const body = method === 'POST' ? { factor_type: 'totp' } : undefined
      rawRefused(await raw(method, `/factors${path}`, { body }), 401, 'no_authorization')
      rawRefused(await raw(method, `/factors${path}`, { body, token: 'sb_publishable_x' }), 403, 'bad_jwt')
    }
  })

  it('can be taken back', async () => {
    const { auth } = await device(email)
    const { id } = await enrol(auth, { friendlyName: 'regretted' })
    assert.equal(done(await auth.mfa.unenroll({ factorId: id })).id, id)
    refused(await auth.mfa.unenroll({ factorId: id }), 404, 'mfa_factor_not_found')
    refused(await auth.mfa.challenge({ factorId: id }), 404, 'mfa_factor_not_found')
  })

  it('is limited to ten', async () => {
    const who = newEmail()
    done(await client().signInWithOtp({ email: who }))
    const { token_hash } = await letter(who, 'magiclink')
    const auth = client()
    done(await auth.verifyOtp({ type: 'magiclink', token_hash }))
    for (let number = 1; number <= 10; number += 1) await enrol(auth, { friendlyName: `app ${number}` })
    refused(await auth.mfa.enroll({ factorType: 'totp', friendlyName: 'one more' }), 422, 'too_many_enrolled_mfa_factors')
  })
})

// In order: each goes on where the one before it ended.
describe('giving a code', () => {
  let who
  let other
  let factor
  let challengeId

  before(async () => {
    who = await person()
    other = await device(who.email)
    factor = await enrol(who.auth)
  })

  it('needs a challenge that ends within five minutes', async () => {
    const challenge = done(await who.auth.mfa.challenge({ factorId: factor.id }))
    assert.equal(challenge.type, 'totp')
    assert.ok(Math.abs(challenge.expires_at - Date.now() / 1000 - 300) < 30)
    challengeId = challenge.id
  })

  it('refuses a wrong one', async () => {
    const code = appCode(factor.totp.secret)
    for (const wrong of [wrongCode(code), '', code.slice(1), `${code}0`, appCode(factor.totp.secret, 10), appCode(factor.totp.secret, -10)]) {
      refused(await who.auth.mfa.verify({ factorId: factor.id, challengeId, code: wrong }), 422, 'mfa_verification_failed')
    }
    assert.equal(done(await who.auth.mfa.listFactors()).totp.length, 0)
  })

  it('refuses the right one without its challenge', async () => {
    const code = appCode(factor.totp.secret)
    refused(await who.auth.mfa.verify({ factorId: factor.id, challengeId: randomUUID(), code }), 422, 'mfa_factor_not_found')
    refused(await who.auth.mfa.verify({ factorId: randomUUID(), challengeId, code }), 404, 'mfa_factor_not_found')
    refused(await who.auth.mfa.verify({ factorId: 'x', challengeId, code }), 404, 'mfa_factor_not_found')
    const unrelated = await enrol(who.auth, { friendlyName: 'unrelated' })
    refused(await who.auth.mfa.verify({ factorId: unrelated.id, challengeId, code: appCode(unrelated.totp.secret) }), 422, 'mfa_factor_not_found')
  })

  it('raises the session and says so in its token', async () => {
    const before = claims(who.session.access_token)
    const code = appCode(factor.totp.secret)
    const raised = done(await who.auth.mfa.verify({ factorId: factor.id, challengeId, code }))
    const { aal, amr, session_id, sub } = claims(raised.access_token)
    assert.deepEqual([aal, session_id, sub], ['aal2', before.session_id, before.sub])
    assert.deepEqual(amr.map(({ method }) => method), ['totp', ...before.amr.map(({ method }) => method)])
    const level = done(await who.auth.mfa.getAuthenticatorAssuranceLevel())
    assert.deepEqual([level.currentLevel, level.nextLevel], ['aal2', 'aal2'])
    who.code = code
  })

  it('takes the factors away that were never finished', async () => {
    const { all, totp } = done(await who.auth.mfa.listFactors())
    assert.deepEqual([all.map(({ id }) => id), totp.map(({ id }) => id)], [[factor.id], [factor.id]])
  })

  it('ends the sessions that showed one factor', async () => {
    over(await client().getUser(other.session.access_token))
    refused(await refresh(other.session.refresh_token), 400, 'refresh_token_not_found')
  })

  it('leaves the tokens of before without the raised session', async () => {
    const { error } = await refresh(who.session.refresh_token)
    assert.equal(error?.status, 400)
  })

  it('takes neither the challenge nor the code a second time', async () => {
    const next = appCode(factor.totp.secret, 1)
    refused(await who.auth.mfa.verify({ factorId: factor.id, challengeId, code: next }), 422, 'mfa_factor_not_found')
    refused(await verify(who.auth, factor, who.code), 422, 'mfa_verification_failed')
  })

  it('lasts over a refresh', async () => {
    const { session } = done(await who.auth.refreshSession())
    assert.equal(claims(session.access_token).aal, 'aal2')
  })
})

// In order, with one account.
describe('an account with a second factor', () => {
  let who
  let single

  before(async () => {
    who = await protectedPerson()
    single = await device(who.email)
  })

  it('begins every session with one factor and tells the client of the next', async () => {
    assert.equal(claims(single.session.access_token).aal, 'aal1')
    const { currentLevel, nextLevel } = done(await single.auth.mfa.getAuthenticatorAssuranceLevel())
    assert.deepEqual([currentLevel, nextLevel], ['aal1', 'aal2'])
  })

  it('is not taken over with one factor', async () => {
    refused(await single.auth.updateUser({ password: OTHER_PASSWORD }), 401, 'insufficient_aal')
    refused(await single.auth.updateUser({ password: OTHER_PASSWORD, current_password: PASSWORD }), 401, 'insufficient_aal')
    refused(await single.auth.updateUser({ email: newEmail() }), 401, 'insufficient_aal')
    refused(await single.auth.mfa.unenroll({ factorId: who.factor.id }), 422, 'insufficient_aal')
    refused(await single.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'mine' }), 403, 'insufficient_aal')
    done(await single.auth.updateUser({ data: { name: 'Ann' } }))
  })

  it('is not opened by a claim of two factors', async () => {
    const genuine = single.session.access_token
    const body = { password: OTHER_PASSWORD }
    rawRefused(await raw('PUT', '/user', { token: altered(genuine, { aal: 'aal2' }), body }), 403, 'bad_jwt')
    // The session decides, not what a token says of it, even one that was signed with the right secret.
    rawRefused(await raw('PUT', '/user', { token: hs256({ ...claims(genuine), aal: 'aal2' }), body }), 401, 'insufficient_aal')
  })

  it('is not opened by recovery alone', async () => {
    done(await client().resetPasswordForEmail(who.email))
    const { token_hash } = await letter(who.email, 'recovery')
    const auth = client()
    const { session } = done(await auth.verifyOtp({ type: 'recovery', token_hash }))
    assert.equal(claims(session.access_token).aal, 'aal1')
    refused(await auth.updateUser({ password: OTHER_PASSWORD }), 401, 'insufficient_aal')
  })

  it('shows its factor to no other person', async () => {
    const eve = await person()
    refused(await eve.auth.mfa.challenge({ factorId: who.factor.id }), 404, 'mfa_factor_not_found')
    refused(await eve.auth.mfa.unenroll({ factorId: who.factor.id }), 404, 'mfa_factor_not_found')
    const { id } = done(await single.auth.mfa.challenge({ factorId: who.factor.id }))
    const code = appCode(who.factor.totp.secret, 1)
    refused(await eve.auth.mfa.verify({ factorId: who.factor.id, challengeId: id, code }), 404, 'mfa_factor_not_found')
  })

  it('raises another session with the next code', async () => {
    const raised = done(await verify(single.auth, who.factor, appCode(who.factor.totp.secret, 1)))
    assert.equal(claims(raised.access_token).aal, 'aal2')
    assert.equal(done(await client().getUser(who.raised.access_token)).user.email, who.email)
  })

  it('loses its factor only to a session that showed it, and every session is lowered', async () => {
    done(await single.auth.mfa.unenroll({ factorId: who.factor.id }))
    assert.deepEqual(done(await single.auth.mfa.listFactors()).all, [])
    assert.equal(claims(done(await single.auth.refreshSession()).session.access_token).aal, 'aal1')
    done(await single.auth.updateUser({ password: OTHER_PASSWORD }))
  })
})
