"""What the maps of 0x12 hold, copied by hand from the tables of the protocol's 3.14.

A kind is a tuple: ("exactly", size), ("bytes", limit or None), ("text", limit or None), ("uint",), ("bool",),
("many", kind, limit or None) or ("map", {name: kind}). A name that ends with `?` may be absent.
"""

UINT, BOOL = ("uint",), ("bool",)
BYTES, TEXT = ("bytes", None), ("text", None)


def b(size):
    return ("exactly", size)


def up_to(limit):
    return ("bytes", limit)


def text(limit):
    return ("text", limit)


def many(kind, limit=None):
    return ("many", kind, limit)


def maps(limit=None, **kinds):
    return ("many", ("map", kinds), limit)


ID, DIGEST = b(16), b(32)

REQUESTS = {
    "account.set": {"identity": b(146), "root_blob?": b(77)},
    "name.set": {"name": text(128)},
    "directory": {"after?": ID},
    "invite.create": {"label?": text(128), "lifetime?": UINT},
    "device.list": {},
    "device.revoke": {"device_id": ID},
    "psk_renew": {},
    "file.create": {"file": ID, "room": ID, "size": UINT},
    "file.read": {"file": ID, "room": ID, "index": UINT, "count": UINT},
    "file.drop": {"file": ID, "room": ID},
    "packages.put": {"packages": many(up_to(4096), 50), "last_resort?": up_to(4096)},
    "packages.take": {"devices": many(ID, 16)},
    "room.create": {"room": ID, "scheme": UINT},
    "room.stage": {"digest": DIGEST, "size": UINT, "offset": UINT, "bytes": up_to(131_072)},
    "room.commit": {
        "room": ID,
        "epoch": UINT,
        "message_id": ID,
        "commit": DIGEST,
        "added": many(ID, 256),
        "removed": many(ID, 256),
        "welcome?": DIGEST,
        "group_info": DIGEST,
    },
    "room.resume": {"rooms": maps(256, room=ID, cursor=UINT)},
    "room.read": {"room": ID, "after": UINT, "limit": UINT},
    "room.list": {"after?": ID},
    "room.reject": {"room": ID, "seq": UINT, "reason": text(32)},
    "welcome.take": {"done?": many(UINT, 256)},
    "group_info": {"room": ID, "n?": UINT, "voucher?": b(96)},
    "group_info.put": {"room": ID, "epoch": UINT, "group_info": DIGEST},
    "room.fetch": {"room": ID, "digest": DIGEST, "offset": UINT, "voucher?": b(96)},
}

ANSWERS = {
    "account.set": {"user_id": ID},
    "name.set": {},
    "directory": {
        "members": maps(
            100,
            user_id=ID,
            root_public=b(32),
            name=TEXT,
            devices=maps(device_id=ID, device_public=b(32), identity=b(146)),
        ),
        "more": BOOL,
    },
    "invite.create": {"invite": TEXT, "url": TEXT, "expires": UINT},
    "device.list": {
        "devices": maps(device_id=ID, device_public=b(32), kind=UINT, created=UINT, last_seen=UINT, this=BOOL)
    },
    "device.revoke": {},
    "psk_renew": {},
    "file.create": {"have": UINT},
    "file.read": {"size": UINT},
    "file.drop": {},
    "packages.put": {"left": UINT},
    "packages.take": {"packages": maps(16, device=ID, package=up_to(4096)), "missing": many(ID, 16)},
    "room.create": {"epoch": UINT},
    "room.stage": {"have": UINT},
    "room.commit": {"seq": UINT, "epoch": UINT},
    "room.resume": {"rooms": maps(256, room=ID, head=UINT, epoch=UINT, cursor=UINT), "gone": many(ID, 256)},
    "room.read": {"rows": maps(256, seq=UINT, kind=UINT, epoch=UINT, sender=ID, message_id=ID, time=UINT, bytes=BYTES)},
    "room.list": {"rooms": maps(256, room=ID, scheme=UINT, epoch=UINT, here=BOOL), "more": BOOL},
    "room.reject": {},
    "welcome.take": {
        "welcomes": maps(
            256,
            id=UINT,
            room=ID,
            seq=UINT,
            epoch=UINT,
            digest=DIGEST,
            size=UINT,
            group_info=DIGEST,
            group_info_size=UINT,
        )
    },
    "group_info": {"seq": UINT, "epoch": UINT, "digest": DIGEST, "size": UINT, "count": UINT},
    "group_info.put": {},
    "room.fetch": {"size": UINT, "bytes": up_to(131_072)},
}

NOTICES = {
    "welcome": {},
    "directory": {},
    "secret": {"kid": b(8), "secret": b(32)},
    "psk_renew": {},
    "successor": {"statement": b(208)},
}
