// What a server may do with accounts, by a secret key, and that nobody else may.

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import {
  APP, OTHER_PASSWORD, PASSWORD, PUBLISHABLE_KEY, REVOKED_KEY, SECRET_KEY, SECRET_MEMBERS, adminClient, altered, appCode, claims, client, device,
  done, es256, hs256, legacyKey, letter, mailsTo, member, newEmail, over, raw, rawRefused, refresh, refused, resigned, wrongCode,
} from './rig.mjs'

const { admin } = adminClient()
const now = () => Math.floor(Date.now() / 1000)
const ask = (method, path, body) => raw(method, path, { token: SECRET_KEY, body })

/** A device of the person that shows a second factor. */
const guarded = async (email) => {
  const { auth, session } = await device(email)
  const factor = done(await auth.mfa.enroll({ factorType: 'totp' }))
  done(await auth.mfa.challengeAndVerify({ factorId: factor.id, code: appCode(factor.totp.secret) }))
  return { auth, session, factor }
}

/** A link that a server hands on, with the account it is for. */
const link = async (params) => {
  const { properties, user } = done(await admin.generateLink(params))
  return { ...properties, user }
}

/** Follows a link as a browser does, at the provider that is asked here: the link itself names the site that people know. */
const follow = async (action_link) => {
  const answer = await raw('GET', `/verify${new URL(action_link).search}`)
  assert.equal(answer.status, 303, answer.text)
  const place = new URL(answer.headers.get('location'))
  return { place, fragment: new URLSearchParams(place.hash.slice(1)) }
}

const DOORS = [
  ['GET', '/admin/users'],
  ['POST', '/admin/users', { email: newEmail(), password: PASSWORD, email_confirm: true }],
  ['GET', '/admin/users/:id'],
  ['PUT', '/admin/users/:id', { password: OTHER_PASSWORD, ban_duration: '24h' }],
  ['DELETE', '/admin/users/:id', { should_soft_delete: false }],
  ['GET', '/admin/users/:id/factors'],
  ['DELETE', '/admin/users/:id/factors/:factor'],
  ['POST', '/invite', { email: newEmail() }],
  ['POST', '/admin/generate_link', { type: 'magiclink', email: newEmail() }],
]

describe('the admin API', { concurrency: 4 }, () => {
  let who
  let genuine
  let impostors
  let others

  const at = (path) => path.replace(':id', who.id).replace(':factor', who.factor.id)

  before(async () => {
    const made = await member()
    const { auth, factor } = await guarded(made.email)
    who = { ...made, factor }
    genuine = done(await auth.getSession()).session.access_token
    const service = claims(legacyKey('service_role'))
    // Each would be a key of a server but for the one thing that its name says.
    impostors = {
      'the public key of the project': PUBLISHABLE_KEY,
      'a key that was revoked': REVOKED_KEY,
      'a key that nobody made': `sb_secret_${randomBytes(32).toString('base64url')}`,
      'a key without its last letter': SECRET_KEY.slice(0, -1),
      'a key and a letter more': `${SECRET_KEY}A`,
      'a key in capitals': SECRET_KEY.toUpperCase(),
      'a key without what it begins with': SECRET_KEY.replace('sb_secret_', ''),
      'a key that begins as public ones do': SECRET_KEY.replace('secret', 'publishable'),
      'what every key begins with': 'sb_secret_',
      'noise': 'noise',
      'noise in three parts': 'x.y.z',
      'the legacy secret key of another project': legacyKey('service_role', 'a-secret-of-another-project-0123456789ab'),
      'the legacy public key of another project': legacyKey('anon', 'a-secret-of-another-project-0123456789ab'),
      'a legacy key of an empty secret': legacyKey('service_role', ''),
      'the legacy secret key with one bit of its signature turned': resigned(legacyKey('service_role')),
      'the legacy public key with another role in its claims': altered(legacyKey('anon'), { role: 'service_role' }),
      'a legacy key that ended two minutes ago': hs256({ ...service, exp: now() - 120 }),
      'a legacy key whose end is a text': hs256({ ...service, exp: String(service.exp) }),
      'a legacy key without an algorithm': hs256(service, { alg: 'none' }).replace(/[^.]*$/, ''),
      'a legacy key of another algorithm': hs256(service, { alg: 'HS512' }),
      "a legacy key with the signature of a stranger's key": es256(service),
      'the token of a user with another role in its claims': altered(genuine, { role: 'service_role' }),
      'the token of a user with one bit of its signature turned': resigned(genuine),
      'the token of a user that has ended': hs256({ ...claims(genuine), exp: now() - 120 }),
    }
    others = {
      'the token of a user': genuine,
      'the token of an operator': hs256({ ...claims(genuine), app_metadata: { groundwork_role: 'operator' } }),
      'the legacy public key': legacyKey('anon'),
      'a legacy key of another role': legacyKey('authenticated'),
    }
  })

  for (const [method, path, body] of DOORS) {
    it(`is closed at ${method} ${path} to whoever is no server`, async () => {
      rawRefused(await raw(method, at(path), { body }), 401, 'no_authorization')
      for (const [code, tokens] of [['bad_jwt', impostors], ['not_admin', others]]) {
        for (const [what, token] of Object.entries(tokens)) {
          const answer = await raw(method, at(path), { body, token })
          assert.deepEqual([answer.status, answer.body?.code], [403, code], what)
        }
      }
      assert.equal(done(await admin.mfa.listFactors({ userId: who.id })).factors.length, 1)
      assert.equal(done(await admin.getUserById(who.id)).user.banned_until, undefined)
    })
  }

  it('takes its key in the place of a token only', async () => {
    for (const headers of [
      { apikey: SECRET_KEY },
      { Authorization: SECRET_KEY },
      { Authorization: `Basic ${SECRET_KEY}` },
      { Cookie: `sb-access-token=${SECRET_KEY}` },
    ]) {
      rawRefused(await raw('GET', '/admin/users', { headers }), 401, 'no_authorization')
    }
    rawRefused(await raw('GET', `/admin/users?apikey=${SECRET_KEY}`), 401, 'no_authorization')
    assert.equal((await raw('GET', '/admin/users?per_page=1', { headers: { Authorization: `bEARER ${SECRET_KEY}` } })).status, 200)
  })

  it('is open to the legacy secret key as to a new one', async () => {
    assert.match(SECRET_KEY, /^sb_secret_[A-Za-z0-9_-]{43}$/)
    const { admin } = adminClient(legacyKey('service_role'))
    const { user } = done(await admin.createUser({ email: newEmail() }))
    assert.equal(done(await admin.getUserById(user.id)).user.id, user.id)
    done(await admin.deleteUser(user.id))
  })

  it('has keys that are nobody where users belong', async () => {
    for (const key of [SECRET_KEY, legacyKey('service_role')]) {
      for (const [method, path, body] of [
        ['GET', '/user'],
        ['PUT', '/user', { password: OTHER_PASSWORD }],
        ['POST', '/logout'],
        ['GET', '/reauthenticate'],
        ['POST', '/factors', { factor_type: 'totp' }],
      ]) {
        rawRefused(await raw(method, path, { token: key, body }), 403, 'bad_jwt')
      }
      done(await adminClient(key).signInWithPassword({ email: who.email, password: PASSWORD }))
    }
  })

  for (const [method, path, body] of DOORS.filter(([, , body]) => body)) {
    it(`refuses what is no JSON at ${method} ${path}`, async () => {
      const broken = ['{', `${JSON.stringify(body)}{}`, '[1, 2]', '"x"', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])]
      // A request to delete may say nothing more.
      if (method !== 'DELETE') broken.push('', 'null')
      for (const body of broken) rawRefused(await ask(method, at(path), body), 400, 'bad_json')
      assert.equal(done(await admin.getUserById(who.id)).user.banned_until, undefined)
    })
  }

  it('answers with nothing that is secret', async () => {
    for (const [method, path, body] of [
      ['GET', '/admin/users?per_page=5'],
      ['POST', '/admin/users', { email: newEmail(), password: PASSWORD }],
      ['GET', `/admin/users/${who.id}`],
      ['PUT', `/admin/users/${who.id}`, { user_metadata: { name: 'Ann' } }],
      ['GET', `/admin/users/${who.id}/factors`],
      ['POST', '/admin/users', { email: who.email }],
    ]) {
      const { text } = await ask(method, path, body)
      assert.doesNotMatch(text, SECRET_MEMBERS)
      assert.ok(!text.includes(who.factor.totp.secret))
    }
  })
})

describe('the list of accounts', { concurrency: 4 }, () => {
  const made = []

  before(async () => {
    for (let number = 0; number < 3; number += 1) made.push(await member({ password: undefined }))
  })

  it('is newest first, and has of each what a client reads', async () => {
    const { users, aud } = done(await admin.listUsers({ page: 1, perPage: 200 }))
    assert.equal(aud, 'authenticated')
    const places = made.map(({ id }) => users.findIndex((user) => user.id === id))
    assert.ok(places[0] > places[1] && places[1] > places[2] && places[2] >= 0, places.join())
    const times = users.map(({ created_at }) => Date.parse(created_at))
    assert.deepEqual(times, times.toSorted((one, other) => other - one))
    assert.deepEqual(users[places[0]], done(await admin.getUserById(made[0].id)).user)
  })

  it('has fifty on a page unless a server wants another number, and never more than a thousand', async () => {
    // Clients send both members empty when nobody gave them.
    for (const [query, size] of [['', 50], ['?page=&per_page=', 50], ['?per_page=2', 2], ['?per_page=5000', 1000]]) {
      const { status, headers, body } = await ask('GET', `/admin/users${query}`)
      assert.equal(status, 200)
      assert.ok(body.users.length <= size, query)
      assert.match(headers.get('link'), new RegExp(`&per_page=${size}>; rel="last"`), query)
    }
    assert.ok(done(await admin.listUsers()).users.length <= 50)
  })

  it('says how many there are and which pages come next and last', async () => {
    const { headers } = await ask('GET', '/admin/users?page=1&per_page=2')
    const last = Math.ceil(Number(headers.get('x-total-count')) / 2)
    assert.ok(last >= 2)
    assert.equal(headers.get('link'), `</admin/users?page=2&per_page=2>; rel="next", </admin/users?page=${last}&per_page=2>; rel="last"`)
    const { users, nextPage, total } = done(await admin.listUsers({ page: 2, perPage: 1 }))
    assert.deepEqual([users.length, nextPage, total >= 3], [1, 3, true])
  })

  it('is empty behind its last page', async () => {
    const { users, nextPage } = done(await admin.listUsers({ page: 1_000_000, perPage: 1000 }))
    assert.deepEqual([users, nextPage], [[], null])
    for (const page of ['4294967295', '9223372036854775807', '99999999999999999999']) {
      assert.ok((await ask('GET', `/admin/users?page=${page}&per_page=1000`)).status <= 400, page)
    }
  })

  it('has no page that is no positive number', async () => {
    for (const value of ['0', '-1', '1.5', 'x', '1x']) {
      rawRefused(await ask('GET', `/admin/users?page=${value}`), 400, 'validation_failed')
      rawRefused(await ask('GET', `/admin/users?per_page=${value}`), 400, 'validation_failed')
    }
    refused(await admin.listUsers({ page: 0 }), 400, 'validation_failed')
  })
})

describe('making an account', { concurrency: 4 }, () => {
  it('with a confirmed address lets its owner sign in at once', async () => {
    const email = newEmail('Ann').toLowerCase()
    const metadata = { user_metadata: { name: 'Ann' }, app_metadata: { plan: 'pro' } }
    const { user } = done(await admin.createUser({ email: email.toUpperCase(), password: PASSWORD, email_confirm: true, ...metadata }))
    assert.deepEqual([user.email, user.aud, user.role, user.user_metadata.name], [email, 'authenticated', 'authenticated', 'Ann'])
    assert.ok(Date.parse(user.email_confirmed_at) && Date.parse(user.created_at))
    assert.deepEqual(user.identities.map(({ provider, user_id }) => [provider, user_id]), [['email', user.id]])
    const { session } = await device(email)
    assert.equal(session.user.id, user.id)
    assert.deepEqual(claims(session.access_token).app_metadata, { provider: 'email', providers: ['email'], plan: 'pro' })
  })

  it('without a word on the address leaves it to be confirmed', async () => {
    const { email, user } = await member({ email_confirm: undefined })
    assert.equal(user.email_confirmed_at, undefined)
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed')
    const { hashed_token } = await link({ type: 'magiclink', email })
    assert.ok(done(await client().verifyOtp({ type: 'magiclink', token_hash: hashed_token })).user.email_confirmed_at)
  })

  it('without a password makes one that no password opens', async () => {
    const { email } = await member({ password: undefined })
    for (const password of [PASSWORD, '', 'null', 'undefined']) {
      refused(await client().signInWithPassword({ email, password }), 400, 'invalid_credentials')
    }
  })

  it('is refused for an address that somebody has', async () => {
    for (const email_confirm of [true, false]) {
      const { email, id } = await member({ email_confirm, password: undefined })
      for (const asked of [email, email.toUpperCase()]) {
        refused(await admin.createUser({ email: asked, password: OTHER_PASSWORD, email_confirm: true }), 422, 'email_exists')
      }
      assert.equal(Boolean(done(await admin.getUserById(id)).user.email_confirmed_at), email_confirm)
    }
  })

  it('of one address by six servers at once makes one', async () => {
    const email = newEmail()
    const answers = await Promise.all(Array.from({ length: 6 }, () => admin.createUser({ email })))
    assert.equal(answers.filter(({ error }) => error === null).length, 1)
    for (const answer of answers.filter(({ error }) => error !== null)) refused(answer, 422, 'email_exists')
  })

  it('is refused without an address, and for what is none', async () => {
    const message = 'Unable to validate email address: invalid format'
    for (const email of [undefined, null, '', 'nobody', 'ann@', 'xx:;x@x.x', `${'x'.repeat(300)}@example.test`]) {
      const answer = await ask('POST', '/admin/users', { email, password: PASSWORD })
      rawRefused(answer, 400, 'validation_failed')
      assert.equal(answer.body.message, message)
    }
  })

  it('is refused with a password that nobody should have', async () => {
    const email = newEmail()
    refused(await admin.createUser({ email, password: 'short' }), 422, 'weak_password')
    refused(await admin.createUser({ email, password: 'x'.repeat(5000) }), 400, 'validation_failed')
    done(await admin.createUser({ email }))
  })

  it('gives it the id that the server chose, if nobody has it', async () => {
    const id = randomUUID()
    assert.equal((await member({ id, password: undefined })).id, id)
    const email = newEmail()
    for (const taken of [id, id.toUpperCase()]) refused(await admin.createUser({ email, id: taken }), 422, 'user_already_exists')
    for (const wrong of ['x', '1', `${id}0`]) refused(await admin.createUser({ email, id: wrong }), 400, 'validation_failed')
    done(await admin.createUser({ email }))
  })

  it('may ban it from the beginning', async () => {
    for (const [ban_duration, seconds] of [['24h', 86_400], ['1h30m', 5400], ['1.5h', 5400], ['90s', 90]]) {
      const { user } = await member({ ban_duration, password: undefined })
      assert.ok(Math.abs(Date.parse(user.banned_until) / 1000 - now() - seconds) < 30, `${ban_duration}: ${user.banned_until}`)
    }
    assert.equal((await member({ ban_duration: 'none', password: undefined })).user.banned_until, undefined)
    const { email } = await member({ ban_duration: '24h' })
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'user_banned')
  })

  it('is refused with a ban of a length that nobody can read', async () => {
    const email = newEmail()
    for (const ban_duration of ['forever', '24', '1d', '24 h', 'h', '1h30', 'h1', '99999999999999999999h']) {
      refused(await admin.createUser({ email, ban_duration }), 400, 'validation_failed')
    }
    done(await admin.createUser({ email }))
  })

  it('is refused with metadata that nobody can store', async () => {
    const email = newEmail()
    for (const name of ['user_metadata', 'app_metadata']) {
      refused(await admin.createUser({ email, [name]: { name: 'a\0b' } }), 400, 'validation_failed')
    }
    done(await admin.createUser({ email }))
  })

  it('does not write what the provider says of it, and makes nobody a server', async () => {
    const { email, id, user } = await member({
      role: 'service_role', aud: 'admin', is_super_admin: true,
      app_metadata: { provider: 'forged', providers: ['forged'], plan: 'pro' },
      user_metadata: { sub: 'somebody', email: 'else@example.test', name: 'Ann' },
    })
    assert.deepEqual([user.role, user.aud], ['authenticated', 'authenticated'])
    assert.deepEqual(user.app_metadata, { provider: 'email', providers: ['email'], plan: 'pro' })
    assert.deepEqual([user.user_metadata.sub, user.user_metadata.email, user.user_metadata.name], [id, email, 'Ann'])
    const { session } = await device(email)
    assert.deepEqual([claims(session.access_token).role, claims(session.access_token).aud], ['authenticated', 'authenticated'])
  })

  it('sends no mail, and neither does a link that a server asks for', async () => {
    const { email } = await member()
    for (const type of ['magiclink', 'recovery']) await link({ type, email })
    // Mails leave in order: others would have come before this one.
    done(await client().resetPasswordForEmail(email))
    await letter(email, 'recovery')
    assert.equal(await mailsTo(email), 1)
  })
})

describe('an account by its id', { concurrency: 4 }, () => {
  const BY_ID = DOORS.filter(([, path]) => path.includes(':id'))

  it('is what its owner reads', async () => {
    const { id, email } = await member()
    const { auth } = await device(email)
    assert.deepEqual(done(await admin.getUserById(id)).user, done(await auth.getUser()).user)
  })

  it('is not found when nobody has the id', async () => {
    for (const [method, path, body] of BY_ID) {
      const answer = await ask(method, path.replace(':id', randomUUID()).replace(':factor', randomUUID()), body)
      rawRefused(answer, 404, 'user_not_found')
    }
  })

  it('is not found by what is no id', async () => {
    for (const [method, path, body] of BY_ID) {
      for (const id of ['x', '1', '%00', `${randomUUID()}0`]) {
        const answer = await ask(method, path.replace(':id', id).replace(':factor', randomUUID()), body)
        rawRefused(answer, 404, 'validation_failed')
      }
    }
  })
})

describe('changing an account', { concurrency: 4 }, () => {
  it('merges metadata of both kinds, and a null takes a member away', async () => {
    const { id, email } = await member({ user_metadata: { name: 'Ann', team: 'red' }, app_metadata: { plan: 'pro', level: 1 } })
    const { auth } = await device(email)
    const changes = {
      user_metadata: { team: null, list: [1, { two: 2 }], email: 'else@example.test' },
      app_metadata: { plan: null, beta: true, provider: 'forged', providers: null },
    }
    const { user } = done(await admin.updateUserById(id, changes))
    const { name, team, list } = user.user_metadata
    assert.deepEqual([name, team, list, user.user_metadata.email], ['Ann', undefined, [1, { two: 2 }], email])
    assert.deepEqual(user.app_metadata, { provider: 'email', providers: ['email'], level: 1, beta: true })
    const { session } = done(await auth.refreshSession())
    assert.deepEqual(claims(session.access_token).app_metadata, user.app_metadata)
    assert.deepEqual(claims(session.access_token).user_metadata, user.user_metadata)
  })

  it('keeps what is null or absent', async () => {
    const { id, email } = await member({ user_metadata: { name: 'Ann' }, app_metadata: { plan: 'pro' } })
    const nothing = { email: null, password: null, email_confirm: null, user_metadata: null, app_metadata: null, ban_duration: null }
    for (const changes of [{}, nothing]) {
      const { user } = done(await admin.updateUserById(id, changes))
      assert.deepEqual([user.email, user.user_metadata.name, user.app_metadata.plan, user.banned_until], [email, 'Ann', 'pro', undefined])
    }
    await device(email)
  })

  it('moves it to another address at once, and earlier proofs are worthless', async () => {
    const { id, email } = await member()
    const { hashed_token, email_otp } = await link({ type: 'recovery', email })
    const to = newEmail('moved')
    const { user } = done(await admin.updateUserById(id, { email: to.toUpperCase(), email_confirm: true }))
    assert.deepEqual([user.email, user.new_email], [to, undefined])
    refused(await client().verifyOtp({ type: 'recovery', token_hash: hashed_token }), 403, 'otp_expired')
    refused(await client().verifyOtp({ type: 'recovery', email, token: email_otp }), 403, 'otp_expired')
    refused(await client().verifyOtp({ type: 'recovery', email: to, token: email_otp }), 403, 'otp_expired')
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
    await device(to)
  })

  it('confirms no new address by a proof of the old one', async () => {
    const email = newEmail()
    const { hashed_token, user } = await link({ type: 'signup', email, password: PASSWORD })
    const to = newEmail('moved')
    done(await admin.updateUserById(user.id, { email: to }))
    refused(await client().verifyOtp({ type: 'signup', token_hash: hashed_token }), 403, 'otp_expired')
    assert.equal(done(await admin.getUserById(user.id)).user.email, to)
  })

  it('is refused as a whole when somebody has the new address', async () => {
    const [one, other] = await Promise.all([member(), member({ password: undefined })])
    const changes = { password: OTHER_PASSWORD, user_metadata: { team: 'red' }, ban_duration: '24h' }
    for (const email of [other.email, other.email.toUpperCase()]) {
      refused(await admin.updateUserById(one.id, { email, ...changes }), 422, 'email_exists')
    }
    const { user } = done(await admin.getUserById(one.id))
    assert.deepEqual([user.email, user.user_metadata.team, user.banned_until], [one.email, undefined, undefined])
    await device(one.email)
    assert.equal(done(await admin.updateUserById(one.id, { email: one.email.toUpperCase() })).user.email, one.email)
  })

  it('is refused to what is no address, no password and no time', async () => {
    const { id, email } = await member()
    for (const wrong of ['nobody', 'ann@', 'xx:;x@x.x']) refused(await admin.updateUserById(id, { email: wrong }), 400, 'validation_failed')
    refused(await admin.updateUserById(id, { password: 'short' }), 422, 'weak_password')
    refused(await admin.updateUserById(id, { password: 'x'.repeat(5000) }), 400, 'validation_failed')
    for (const ban_duration of ['forever', '24', '1d']) refused(await admin.updateUserById(id, { ban_duration }), 400, 'validation_failed')
    refused(await admin.updateUserById(id, { app_metadata: { name: 'a\0b' } }), 400, 'validation_failed')
    await device(email)
  })

  it('confirms its address', async () => {
    const { id, email } = await member({ email_confirm: false })
    assert.ok(Date.parse(done(await admin.updateUserById(id, { email_confirm: true })).user.email_confirmed_at))
    await device(email)
  })

  it('gives it a password, which ends every session', async () => {
    const { id, email } = await member()
    const sessions = [(await device(email)).session, (await device(email)).session]
    done(await admin.updateUserById(id, { password: OTHER_PASSWORD }))
    for (const { access_token, refresh_token } of sessions) {
      over(await client().getUser(access_token))
      refused(await refresh(refresh_token), 400, 'refresh_token_not_found')
    }
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
    await device(email, OTHER_PASSWORD)
  })

  it('bans it at every door, until the ban is lifted', async () => {
    const { id, email } = await member()
    const { session } = await device(email)
    const { hashed_token } = await link({ type: 'magiclink', email })
    const { user } = done(await admin.updateUserById(id, { ban_duration: '24h' }))
    assert.ok(Math.abs(Date.parse(user.banned_until) / 1000 - now() - 86_400) < 30)
    refused(await client().getUser(session.access_token), 403, 'user_banned')
    rawRefused(await raw('PUT', '/user', { token: session.access_token, body: { data: { name: 'Eve' } } }), 403, 'user_banned')
    refused(await refresh(session.refresh_token), 400, 'user_banned')
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'user_banned')
    // Who does not know the password learns nothing of the ban.
    refused(await client().signInWithPassword({ email, password: OTHER_PASSWORD }), 400, 'invalid_credentials')
    assert.equal((await client().verifyOtp({ type: 'magiclink', token_hash: hashed_token })).error?.status, 403)
    assert.equal(done(await admin.updateUserById(id, { ban_duration: 'none' })).user.banned_until, undefined)
    await device(email)
  })
})

describe('deleting an account', { concurrency: 4 }, () => {
  for (const [how, soft] of [['for good', false], ['softly', true]]) {
    it(`${how} ends all that its owner had`, async () => {
      const { id, email } = await member()
      const { session } = await device(email)
      const { hashed_token } = await link({ type: 'recovery', email })
      const { status, body } = await ask('DELETE', `/admin/users/${id}`, { should_soft_delete: soft })
      assert.deepEqual([status, body], [200, {}])
      const read = await raw('GET', '/user', { token: session.access_token })
      assert.equal(read.status, 403)
      assert.match(read.body.code, /^(session|user)_not_found$/)
      assert.equal((await refresh(session.refresh_token)).error?.status, 400)
      refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'invalid_credentials')
      refused(await client().verifyOtp({ type: 'recovery', token_hash: hashed_token }), 403, 'otp_expired')
    })

    it(`${how} leaves nothing that a server finds, and its address free`, async () => {
      const { id, email } = await member({ password: undefined })
      done(await admin.deleteUser(id, soft))
      refused(await admin.getUserById(id), 404, 'user_not_found')
      refused(await admin.updateUserById(id, { ban_duration: 'none' }), 404, 'user_not_found')
      refused(await admin.deleteUser(id, soft), 404, 'user_not_found')
      refused(await admin.mfa.listFactors({ userId: id }), 404, 'user_not_found')
      assert.ok(done(await admin.listUsers({ page: 1, perPage: 200 })).users.every((user) => user.id !== id))
      const { user } = done(await admin.createUser({ email }))
      assert.notEqual(user.id, id)
    })
  }

  it('lets its owner sign up again, as somebody else', async () => {
    const { id, email } = await member({ password: undefined })
    assert.equal((await ask('DELETE', `/admin/users/${id}`)).status, 200)
    const { user } = done(await client().signUp({ email, password: PASSWORD }))
    assert.notEqual(user.id, id)
    // Somebody whose address is taken gets an id as well, but one that nobody has.
    assert.equal(done(await admin.getUserById(user.id)).user.email, email)
  })
})

describe('second factors', { concurrency: 4 }, () => {
  it('are seen by a server, but not their secret', async () => {
    const { id, email } = await member()
    assert.deepEqual((await ask('GET', `/admin/users/${id}/factors`)).body, [])
    const { auth, factor } = await guarded(email)
    const unfinished = done(await auth.mfa.enroll({ factorType: 'totp', friendlyName: 'another' }))
    const { factors } = done(await admin.mfa.listFactors({ userId: id }))
    const found = Object.fromEntries(factors.map(({ id, status, factor_type }) => [id, [status, factor_type]]))
    assert.deepEqual(found, { [factor.id]: ['verified', 'totp'], [unfinished.id]: ['unverified', 'totp'] })
    assert.doesNotMatch(JSON.stringify(factors), SECRET_MEMBERS)
  })

  it('are taken away by a server, and every session is lowered at its next refresh', async () => {
    const { id, email } = await member()
    const { auth, factor } = await guarded(email)
    assert.equal(claims(done(await auth.refreshSession()).session.access_token).aal, 'aal2')
    // The client wraps the answer twice.
    assert.equal(done(await admin.mfa.deleteFactor({ userId: id, id: factor.id })).data.id, factor.id)
    assert.deepEqual(done(await admin.mfa.listFactors({ userId: id })).factors, [])
    assert.equal(claims(done(await auth.refreshSession()).session.access_token).aal, 'aal1')
    assert.equal(done(await auth.mfa.getAuthenticatorAssuranceLevel()).nextLevel, 'aal1')
    const second = await ask('DELETE', `/admin/users/${id}/factors/${factor.id}`)
    rawRefused(second, 404, 'mfa_factor_not_found')
  })

  it('are found only with the account that they belong to', async () => {
    const [ann, bob] = await Promise.all([member(), member({ password: undefined })])
    const { factor } = await guarded(ann.email)
    refused(await admin.mfa.deleteFactor({ userId: bob.id, id: factor.id }), 404, 'mfa_factor_not_found')
    refused(await admin.mfa.deleteFactor({ userId: ann.id, id: randomUUID() }), 404, 'mfa_factor_not_found')
    assert.equal(done(await admin.mfa.listFactors({ userId: ann.id })).factors.length, 1)
  })
})

// In order: each goes on where the one before it ended, since every invitation is a mail.
describe('an invitation', () => {
  const email = newEmail('guest')
  let invited
  let mail

  it('makes the account and is mailed to it', async () => {
    const options = { data: { name: 'Ann' }, redirectTo: `${APP}/join` }
    ;({ user: invited } = done(await admin.inviteUserByEmail(email.toUpperCase(), options)))
    assert.deepEqual([invited.email, invited.email_confirmed_at, invited.user_metadata.name], [email, undefined, 'Ann'])
    assert.ok(Date.parse(invited.invited_at))
    mail = await letter(email, 'invite')
    assert.equal(mail.redirect_to, `${APP}/join`)
  })

  it('is mailed once more to somebody who has not come yet, and leads nowhere else', async () => {
    const answer = await ask('POST', '/invite?redirect_to=https%3A%2F%2Fevil.example%2F', { email, data: null })
    assert.deepEqual([answer.status, answer.body.id], [200, invited.id])
    assert.doesNotMatch(answer.text, SECRET_MEMBERS)
    mail = await letter(email, 'invite')
    assert.ok(!mail.redirect_to.includes('evil.example'), mail.redirect_to)
  })

  it('is a proof of nothing else', async () => {
    for (const type of ['recovery', 'magiclink', 'email_change']) {
      refused(await client().verifyOtp({ type, token_hash: mail.token_hash }), 403, 'otp_expired')
    }
  })

  it('signs in and confirms the address, once', async () => {
    const { session, user } = done(await client().verifyOtp({ type: 'invite', token_hash: mail.token_hash }))
    assert.ok(session.refresh_token && Date.parse(user.email_confirmed_at) && Date.parse(user.invited_at))
    assert.deepEqual([user.id, user.user_metadata.name], [invited.id, 'Ann'])
    refused(await client().verifyOtp({ type: 'invite', token_hash: mail.token_hash }), 403, 'otp_expired')
  })

  it('is refused for somebody who is there already, and for what is no address', async () => {
    for (const address of [email, email.toUpperCase()]) refused(await admin.inviteUserByEmail(address), 422, 'email_exists')
    for (const address of ['', 'nobody', 'xx:;x@x.x']) refused(await admin.inviteUserByEmail(address), 400, 'validation_failed')
    rawRefused(await ask('POST', '/invite', {}), 400, 'validation_failed')
  })
})

describe('a link that a server hands on', { concurrency: 4 }, () => {
  it('of a sign-up makes the account, which waits for it', async () => {
    const email = newEmail()
    const options = { data: { name: 'Ann' } }
    const made = await link({ type: 'signup', email: email.toUpperCase(), password: PASSWORD, options })
    assert.deepEqual([made.verification_type, made.user.email, made.user.email_confirmed_at], ['signup', email, undefined])
    refused(await client().signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed')
    const again = await link({ type: 'signup', email, password: PASSWORD })
    assert.equal(again.user.id, made.user.id)
    const { user } = done(await client().verifyOtp({ type: 'signup', token_hash: again.hashed_token }))
    assert.deepEqual([user.id, user.user_metadata.name], [made.user.id, 'Ann'])
    await device(email)
    refused(await admin.generateLink({ type: 'signup', email, password: PASSWORD }), 422, 'email_exists')
  })

  it('of a sign-up needs a password that somebody may have', async () => {
    const email = newEmail()
    for (const password of [undefined, null, '']) {
      rawRefused(await ask('POST', '/admin/generate_link', { type: 'signup', email, password }), 400, 'validation_failed')
    }
    refused(await admin.generateLink({ type: 'signup', email, password: 'short' }), 422, 'weak_password')
    done(await admin.createUser({ email }))
  })

  it('of an invitation makes the account', async () => {
    const email = newEmail()
    const made = await link({ type: 'invite', email, options: { data: { name: 'Ann' } } })
    assert.deepEqual([made.verification_type, made.user.user_metadata.name], ['invite', 'Ann'])
    const { user } = done(await client().verifyOtp({ type: 'invite', token_hash: made.hashed_token }))
    assert.ok(user.id === made.user.id && Date.parse(user.email_confirmed_at))
    refused(await admin.generateLink({ type: 'invite', email }), 422, 'email_exists')
  })

  it('signs in by its token, once', async () => {
    const { id, email } = await member()
    const made = await link({ type: 'magiclink', email: email.toUpperCase() })
    assert.deepEqual([made.verification_type, made.user.id], ['magiclink', id])
    refused(await client().verifyOtp({ type: 'signup', token_hash: made.hashed_token }), 403, 'otp_expired')
    assert.equal(done(await client().verifyOtp({ type: 'magiclink', token_hash: made.hashed_token })).user.id, id)
    refused(await client().verifyOtp({ type: 'magiclink', token_hash: made.hashed_token }), 403, 'otp_expired')
    refused(await client().verifyOtp({ type: 'magiclink', email, token: made.email_otp }), 403, 'otp_expired')
  })

  it('signs in by its code, and by no other', async () => {
    const { id, email } = await member()
    const { email_otp } = await link({ type: 'magiclink', email })
    assert.match(email_otp, /^\d{6}$/)
    refused(await client().verifyOtp({ type: 'magiclink', email, token: wrongCode(email_otp) }), 403, 'otp_expired')
    assert.equal(done(await client().verifyOtp({ type: 'magiclink', email, token: email_otp })).user.id, id)
  })

  it('signs in when it is followed, with the session behind the hash', async () => {
    const { email } = await member()
    const made = await link({ type: 'magiclink', email, options: { redirectTo: `${APP}/in?step=1` } })
    const { pathname, searchParams } = new URL(made.action_link)
    assert.ok(pathname.endsWith('/auth/v1/verify'), made.action_link)
    assert.deepEqual(Object.fromEntries(searchParams), { token: made.hashed_token, type: 'magiclink', redirect_to: `${APP}/in?step=1` })
    assert.equal(made.redirect_to, `${APP}/in?step=1`)
    const { place, fragment } = await follow(made.action_link)
    assert.equal(`${place.origin}${place.pathname}${place.search}`, `${APP}/in?step=1`)
    const session = { access_token: fragment.get('access_token'), refresh_token: fragment.get('refresh_token') }
    assert.equal(done(await client().setSession(session)).user.email, email)
    assert.equal((await follow(made.action_link)).fragment.get('error_code'), 'otp_expired')
  })

  it('makes the account when nobody has the address, which is a sign-up', async () => {
    const email = newEmail()
    const made = await link({ type: 'magiclink', email })
    assert.deepEqual([made.verification_type, made.user.email], ['signup', email])
    const { user } = done(await client().verifyOtp({ type: 'signup', token_hash: made.hashed_token }))
    assert.ok(user.id === made.user.id && Date.parse(user.email_confirmed_at))
  })

  it('recovers an account that somebody has', async () => {
    const { id, email } = await member()
    refused(await admin.generateLink({ type: 'recovery', email: newEmail('nobody') }), 404, 'user_not_found')
    const { hashed_token, verification_type } = await link({ type: 'recovery', email })
    assert.equal(verification_type, 'recovery')
    const auth = client()
    assert.equal(done(await auth.verifyOtp({ type: 'recovery', token_hash: hashed_token })).user.id, id)
    done(await auth.updateUser({ password: OTHER_PASSWORD }))
    await device(email, OTHER_PASSWORD)
  })

  it('moves an account once both addresses have agreed', async () => {
    const { email } = await member()
    const newMail = newEmail('moved')
    const fresh = await link({ type: 'email_change_new', email, newEmail: newMail })
    const old = await link({ type: 'email_change_current', email, newEmail: newMail })
    assert.deepEqual([fresh.verification_type, old.verification_type], ['email_change_new', 'email_change_current'])
    const half = await follow(fresh.action_link)
    assert.deepEqual([half.fragment.has('message'), half.fragment.get('access_token')], [true, null])
    refused(await client().signInWithPassword({ email: newMail, password: PASSWORD }), 400, 'invalid_credentials')
    assert.equal(done(await client().verifyOtp({ type: 'email_change', email, token: old.email_otp })).user.email, newMail)
    await device(newMail)
  })

  it('moves nobody to an address that is taken or none, and no account that nobody has', async () => {
    const [one, other] = await Promise.all([member({ password: undefined }), member({ password: undefined })])
    for (const type of ['email_change_current', 'email_change_new']) {
      refused(await admin.generateLink({ type, email: one.email, newEmail: other.email.toUpperCase() }), 422, 'email_exists')
      refused(await admin.generateLink({ type, email: newEmail('nobody'), newEmail: newEmail() }), 404, 'user_not_found')
      for (const newMail of [undefined, null, '', 'nobody']) {
        refused(await admin.generateLink({ type, email: one.email, newEmail: newMail }), 400, 'validation_failed')
      }
    }
  })

  it('leads to our own site unless the place is allowed, wherever the wish stands', async () => {
    const { email } = await member({ password: undefined })
    const answer = await raw('GET', '/verify?token=made-up&type=signup')
    const { origin, pathname } = new URL(answer.headers.get('location'))
    for (const redirectTo of [undefined, 'https://evil.example/', `${APP}.evil.example/`, 'javascript:alert(1)']) {
      const made = await link({ type: 'magiclink', email, options: { redirectTo } })
      assert.equal(new URL(made.redirect_to).href, `${origin}${pathname}`, redirectTo)
      assert.equal(new URL(made.action_link).searchParams.get('redirect_to'), made.redirect_to)
    }
    const { body } = await ask('POST', '/admin/generate_link', { type: 'magiclink', email, redirect_to: `${APP}/body` })
    assert.equal(body.redirect_to, `${APP}/body`)
  })

  it('has in its answer what opens, and nothing else that is secret', async () => {
    const { id, email } = await member()
    const { text, headers } = await ask('POST', '/admin/generate_link', { type: 'recovery', email })
    const { action_link, email_otp, hashed_token, verification_type, redirect_to, ...user } = JSON.parse(text)
    for (const text of [action_link, email_otp, hashed_token, verification_type, redirect_to]) assert.equal(typeof text, 'string')
    assert.deepEqual([user.id, user.email, user.aud, user.app_metadata.provider], [id, email, 'authenticated', 'email'])
    assert.doesNotMatch(JSON.stringify(user), SECRET_MEMBERS)
    assert.equal(headers.get('cache-control'), 'no-store')
  })

  it('is refused for a type that nobody knows, and for what is no address', async () => {
    const { email } = await member({ password: undefined })
    for (const type of ['friendship', 'phone_change', 'sms', 'email_change', 'reauthentication', '']) {
      refused(await admin.generateLink({ type, email }), 400, 'validation_failed')
    }
    for (const type of ['signup', 'invite', 'magiclink', 'recovery', 'email_change_new']) {
      const wrong = { type, email: 'xx:;x@x.x', password: PASSWORD, newEmail: newEmail() }
      refused(await admin.generateLink(wrong), 400, 'validation_failed')
    }
  })
})
