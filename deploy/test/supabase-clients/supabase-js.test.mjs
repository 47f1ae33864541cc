// The whole supabase-js client, as an application uses it.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import {
  APP, OTHER_PASSWORD, PASSWORD, PUBLISHABLE_KEY, REUSE_INTERVAL_MS, REVOKED_KEY, SECRET_KEY, appCode, base, claims, done, hs256, legacyKey, letter,
  member, newEmail, over, raw, refused, resigned, sleep, wrongCode,
} from './rig.mjs'

/** The storage of a browser. */
const storage = () => {
  const items = new Map()
  return {
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
  }
}

/** Node 20 has no sockets for the realtime part, and asks for some although nothing here opens any. */
class NoSocket {}

const app = (auth = {}, key = PUBLISHABLE_KEY) =>
  createClient(base, key, {
    auth: { autoRefreshToken: false, detectSessionInUrl: false, storage: storage(), storageKey: randomUUID(), ...auth },
    realtime: { transport: NoSocket },
  })

const signIn = async (email, password = PASSWORD) => {
  const supabase = app()
  const { session } = done(await supabase.auth.signInWithPassword({ email, password }))
  return { supabase, session }
}

describe('an application with supabase-js', { concurrency: 6 }, () => {
  const email = newEmail()
  let mail

  before(async () => {
    const { user, session } = done(await app().auth.signUp({ email, password: PASSWORD, options: { data: { name: 'Ann' } } }))
    assert.equal(session, null)
    refused(await app().auth.signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed')
    mail = await letter(email, 'signup')
    refused(await app().auth.verifyOtp({ type: 'signup', email, token: wrongCode(mail.code) }), 403, 'otp_expired')
    const confirmed = done(await app().auth.verifyOtp({ type: 'signup', email, token: mail.code }))
    assert.equal(confirmed.user.id, user.id)
  })

  it('signs up, confirms and has the metadata of the sign-up', async () => {
    const { supabase } = await signIn(email)
    assert.equal(done(await supabase.auth.getUser()).user.user_metadata.name, 'Ann')
  })

  it('takes a confirmation no second time', async () => {
    refused(await app().auth.verifyOtp({ type: 'signup', token_hash: mail.token_hash }), 403, 'otp_expired')
    refused(await app().auth.verifyOtp({ type: 'signup', email, token: mail.code }), 403, 'otp_expired')
  })

  it('signs nobody in with a wrong password', async () => {
    const supabase = app()
    refused(await supabase.auth.signInWithPassword({ email, password: OTHER_PASSWORD }), 400, 'invalid_credentials')
    assert.equal(done(await supabase.auth.getSession()).session, null)
  })

  it('signs up nobody with a weak password', async () => {
    const { error } = await app().auth.signUp({ email: newEmail(), password: 'short' })
    assert.deepEqual([error.name, error.status], ['AuthWeakPasswordError', 422])
  })

  it('works with a legacy key as with a publishable one', async () => {
    const supabase = app({}, legacyKey('anon'))
    done(await supabase.auth.signInWithPassword({ email, password: PASSWORD }))
    assert.equal(done(await supabase.auth.getUser()).user.email, email)
  })

  it('is nobody with the key alone', async () => {
    for (const key of [PUBLISHABLE_KEY, legacyKey('anon'), legacyKey('service_role')]) {
      assert.equal((await app({}, key).auth.getUser()).error?.name, 'AuthSessionMissingError')
      refused(await app({}, key).auth.getUser(key), 403, 'bad_jwt')
    }
  })

  it('finds its session again after a restart', async () => {
    const [kept, storageKey] = [storage(), randomUUID()]
    done(await app({ storage: kept, storageKey }).auth.signInWithPassword({ email, password: PASSWORD }))
    const again = app({ storage: kept, storageKey })
    assert.equal(done(await again.auth.getSession()).session.user.email, email)
    assert.equal(done(await again.auth.getUser()).user.email, email)
  })

  it('refreshes a stored session that has ended by itself', async () => {
    const { session } = await signIn(email)
    const [kept, storageKey] = [storage(), randomUUID()]
    kept.setItem(storageKey, JSON.stringify({ ...session, expires_at: Math.floor(Date.now() / 1000) - 10 }))
    const supabase = app({ storage: kept, storageKey, autoRefreshToken: true })
    const found = done(await supabase.auth.getSession()).session
    await supabase.auth.stopAutoRefresh()
    assert.notEqual(found.refresh_token, session.refresh_token)
    assert.equal(done(await supabase.auth.getUser()).user.email, email)
  })

  it('refreshes in two tabs together and both stay signed in', async () => {
    const { session } = await signIn(email)
    const { refresh_token } = session
    const answers = await Promise.all([1, 2, 3, 4].map(() => app().auth.refreshSession({ refresh_token })))
    assert.equal(new Set(answers.map((answer) => done(answer).session.refresh_token)).size, 1)
  })

  it('loses a session whose old token turns up late', async () => {
    const { supabase, session } = await signIn(email)
    done(await supabase.auth.refreshSession())
    done(await supabase.auth.refreshSession())
    await sleep(REUSE_INTERVAL_MS + 1000)
    refused(await app().auth.refreshSession({ refresh_token: session.refresh_token }), 400, 'refresh_token_already_used')
    over(await supabase.auth.getUser())
    assert.equal(done(await supabase.auth.getSession()).session, null)
  })

  it('knows the claims of its token', async () => {
    const { supabase, session } = await signIn(email)
    const { claims: read } = done(await supabase.auth.getClaims())
    assert.deepEqual([read.sub, read.email, read.session_id], [session.user.id, email, claims(session.access_token).session_id])
  })

  it('takes no session with a forged access token', async () => {
    const { session } = await signIn(email)
    const { refresh_token, access_token } = session
    refused(await app().auth.setSession({ access_token: resigned(access_token), refresh_token }), 403, 'bad_jwt')
    refused(await app().auth.setSession({ access_token: hs256({ ...claims(access_token), aud: 'else' }), refresh_token }), 403, 'bad_jwt')
  })

  it('signs out this device, or the others', async () => {
    const [one, two, three] = [await signIn(email), await signIn(email), await signIn(email)]
    assert.equal((await one.supabase.auth.signOut({ scope: 'local' })).error, null)
    over(await app().auth.getUser(one.session.access_token))
    refused(await app().auth.refreshSession({ refresh_token: one.session.refresh_token }), 400, 'refresh_token_not_found')
    for (const { session } of [two, three]) assert.equal(done(await app().auth.getUser(session.access_token)).user.email, email)
  })

  it('writes metadata that the next token has', async () => {
    const { supabase } = await signIn(email)
    done(await supabase.auth.updateUser({ data: { theme: 'dark' } }))
    const { session } = done(await supabase.auth.refreshSession())
    assert.equal(claims(session.access_token).user_metadata.theme, 'dark')
  })

  it('signs in by mail with a waiting client', async () => {
    const supabase = app({ flowType: 'pkce' })
    const mine = newEmail()
    done(await supabase.auth.signInWithOtp({ email: mine, options: { emailRedirectTo: `${APP}/callback` } }))
    const { token_hash, redirect_to } = await letter(mine, 'magiclink')
    assert.equal(redirect_to, `${APP}/callback`)
    const led = await raw('GET', `/verify?token=${token_hash}&type=magiclink&redirect_to=${encodeURIComponent(redirect_to)}`)
    const code = new URL(led.headers.get('location')).searchParams.get('code')
    assert.equal((await app({ flowType: 'pkce' }).auth.exchangeCodeForSession(code)).error.name, 'AuthPKCECodeVerifierMissingError')
    assert.equal(done(await supabase.auth.exchangeCodeForSession(code)).user.email, mine)
    refused(await app().auth.exchangeCodeForSession(code), 400, 'validation_failed')
  })
})

// In order, with one account.
describe('a person with supabase-js', () => {
  const email = newEmail()
  const supabase = app()
  let old

  before(async () => {
    done(await app().auth.signInWithOtp({ email }))
    const { token_hash } = await letter(email, 'magiclink')
    old = done(await app().auth.verifyOtp({ type: 'magiclink', token_hash })).session
  })

  it('sets a password by recovery, and everybody else is signed out', async () => {
    done(await app().auth.resetPasswordForEmail(email))
    const { token_hash } = await letter(email, 'recovery')
    done(await supabase.auth.verifyOtp({ type: 'recovery', token_hash }))
    done(await supabase.auth.updateUser({ password: PASSWORD }))
    over(await app().auth.getUser(old.access_token))
    refused(await app().auth.signInWithPassword({ email, password: OTHER_PASSWORD }), 400, 'invalid_credentials')
    await signIn(email)
  })

  it('sets no password twice', async () => {
    refused(await supabase.auth.updateUser({ password: PASSWORD }), 422, 'same_password')
  })

  it('adds a second factor with a right code only', async () => {
    const factor = done(await supabase.auth.mfa.enroll({ factorType: 'totp' }))
    const verify = (code) => supabase.auth.mfa.challengeAndVerify({ factorId: factor.id, code })
    refused(await verify(wrongCode(appCode(factor.totp.secret))), 422, 'mfa_verification_failed')
    done(await verify(appCode(factor.totp.secret)))
    assert.equal(claims(done(await supabase.auth.getSession()).session.access_token).aal, 'aal2')
  })

  it('keeps the account from somebody with the password alone', async () => {
    const thief = await signIn(email)
    refused(await thief.supabase.auth.updateUser({ password: OTHER_PASSWORD }), 401, 'insufficient_aal')
    const [factor] = done(await thief.supabase.auth.mfa.listFactors()).totp
    refused(await thief.supabase.auth.mfa.unenroll({ factorId: factor.id }), 422, 'insufficient_aal')
  })

  it('signs out everywhere', async () => {
    const other = await signIn(email)
    const { session } = done(await supabase.auth.getSession())
    assert.equal((await supabase.auth.signOut()).error, null)
    for (const { access_token, refresh_token } of [session, other.session]) {
      over(await app().auth.getUser(access_token))
      refused(await app().auth.refreshSession({ refresh_token }), 400, 'refresh_token_not_found')
    }
  })
})

describe('a server with supabase-js', { concurrency: 4 }, () => {
  const { admin } = app({}, SECRET_KEY).auth

  it('makes an account that an application signs in to', async () => {
    const email = newEmail()
    const { user } = done(await admin.createUser({ email, password: PASSWORD, email_confirm: true, app_metadata: { plan: 'pro' } }))
    const { session } = await signIn(email)
    assert.deepEqual([session.user.id, claims(session.access_token).app_metadata.plan], [user.id, 'pro'])
    refused(await admin.createUser({ email }), 422, 'email_exists')
  })

  it('finds, changes and deletes an account', async () => {
    const { id, email } = await member()
    const { users, nextPage } = done(await admin.listUsers({ page: 1, perPage: 100 }))
    assert.ok(users.some((user) => user.id === id) && (nextPage === 2 || nextPage === null))
    const { user } = done(await admin.updateUserById(id, { password: OTHER_PASSWORD, user_metadata: { name: 'Ann' } }))
    assert.deepEqual(done(await admin.getUserById(id)).user, user)
    await signIn(email, OTHER_PASSWORD)
    done(await admin.deleteUser(id))
    refused(await admin.getUserById(id), 404, 'user_not_found')
    refused(await app().auth.signInWithPassword({ email, password: OTHER_PASSWORD }), 400, 'invalid_credentials')
  })

  it('hands on a link that an application takes', async () => {
    const email = newEmail()
    const { properties } = done(await admin.generateLink({ type: 'signup', email, password: PASSWORD, options: { redirectTo: `${APP}/in` } }))
    assert.equal(properties.redirect_to, `${APP}/in`)
    const supabase = app()
    done(await supabase.auth.verifyOtp({ type: properties.verification_type, email, token: properties.email_otp }))
    assert.equal(done(await supabase.auth.getUser()).user.email, email)
  })

  it('ends the sessions of somebody by their token', async () => {
    const { email } = await member()
    const [one, other] = [await signIn(email), await signIn(email)]
    assert.equal((await admin.signOut(one.session.access_token)).error, null)
    for (const { session } of [one, other]) over(await app().auth.getUser(session.access_token))
  })

  it('stays a server when somebody signs in with its client', async () => {
    const { id, email } = await member()
    const supabase = app({}, SECRET_KEY)
    done(await supabase.auth.signInWithPassword({ email, password: PASSWORD }))
    assert.equal(done(await supabase.auth.getUser()).user.id, id)
    assert.equal(done(await supabase.auth.admin.getUserById(id)).user.email, email)
  })

  it('is none with another key, whoever is signed in', async () => {
    const { id, email } = await member()
    const { supabase, session } = await signIn(email)
    refused(await supabase.auth.admin.getUserById(id), 403, 'bad_jwt')
    refused(await app({}, session.access_token).auth.admin.getUserById(id), 403, 'not_admin')
    refused(await app({}, legacyKey('anon')).auth.admin.listUsers(), 403, 'not_admin')
    refused(await app({}, REVOKED_KEY).auth.admin.deleteUser(id), 403, 'bad_jwt')
    assert.equal(done(await admin.getUserById(id)).user.email, email)
  })
})
