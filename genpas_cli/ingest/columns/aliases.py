"""Known column names of users, items, times and ratings in public logs.

Case, blanks, `_`, `-` and other punctuation are ignored: `Customer ID` is `customerid`. Names are ranked in tiers: the
first tier with a column in the log is used, and two columns of the same tier are ambiguous. Consequences:

- `user_id` wins over `user_name` and any session, since the history of the person is wanted. A log with only
  `session_id` has sessions for users.
- `item_id` wins over `product_id`, and both win over `title`. `asin` wins over `parent_asin` (Amazon 2023 has both).
- `timestamp` and `time_ms` win over `time` and `date`, unless values have a finer resolution than those of the first
  tier (instants instead of days), see `columns.py`. `date` and `time` (of day) together are ambiguous: each is half
  of the time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Tiers = tuple[frozenset[str], ...]


def plain(name: str) -> str:
    """Return a name reduced to lower-case letters and digits, for comparison."""
    return re.sub(r"[\W_]+", "", name.lower())


def _tiers(*tiers: str) -> Tiers:
    return tuple(frozenset(map(plain, tier.split())) for tier in tiers)


USER = _tiers(
    "userid",
    """user uid usr usrid useridx userindex userno usernum userhash useruuid userkey reviewerid customerid customer
    custid clientid memberid member visitorid viewerid personid profileid accountid buyerid shopperid subscriberid
    playerid studentid learnerid readerid listenerid raterid guestid householdid householdkey deviceid cookieid msno
    anonid fullvisitorid amazonuserid steamid authorid""",
    "username login reviewername nickname customername author reviewer",
    "sessionid session sessid sid visitid usersession basketid playlistid",
)
ITEM = _tiers(
    "itemid",
    """item iid itemidx itemindex itemno itemnum itemhash movieid productid product prodid asin stockcode sku articleid
    article aid songid song trackid track traid artistid artid albumid businessid bookid isbn videoid newsid gameid
    appid adid adgroupid docid documentid poiid venueid locationid placeid recipeid animeid gmapid contentid listingid
    hotelid courseid goodsid offerid postid photoid pinid imageid problemid questionid exerciseid showid programid
    episodeid podcastid streamerid creativeid restaurantid beerid wineid eventid jobid pageid repoid commodityid
    merchandiseid""",
    "parentasin",
    "itemname productname movie book title url",
)
TIME = _tiers(
    """timestamp unixtimestamp unixtime unixreviewtime ts epoch epochtime eventtimestamp timestampms timestamps timems
    tsms epochms unixms unixtimems unixtimestampms eventtimems timestampus timestampns timestampsec timestampmsec
    timestampmillis timemillis epochmillis epochseconds unixts eventts interactiontimestamp clicktimestamp
    eventtimestampms utctimestamp servertimestamp clienttimestamp""",
    """time datetime date eventtime eventdate eventdatetime invoicedate reviewtime reviewdate createdat createdtime
    createtime creationdate created timecreated orderdate ordertime orderdatetime ordertimestamp purchasedate
    purchasetime purchasetimestamp orderpurchasetimestamp tdat clicktime viewtime watchtime playedat listenedat ratedat
    ratingtime transactiondate transactiontime transactiondt transactiondatetime visittime visitdate checkintime
    utctime behaviortime actiontime timestep submittedat dateadded datetimeutc""",
)
RATING = _tiers("rating", "ratings stars star score reviewscore overall userrating starrating ratingvalue", "rate")
ROLES: dict[str, Tiers] = {"user": USER, "item": ITEM, "time": TIME, "rating": RATING}
# Words that may also be ids or values (`book`, `author`, `rate`) do not make a line a header.
_WEAK = USER[2] | ITEM[3] | RATING[2]
_KNOWN = frozenset[str]().union(*(tier for tiers in ROLES.values() for tier in tiers)) - _WEAK


@dataclass(frozen=True)
class KnownRoles:
    """Positions of the candidate columns of each role; more than one is ambiguous."""

    user: tuple[int, ...]
    item: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Whether both roles have a candidate."""
        return bool(self.user and self.item)


def is_known(name: str) -> bool:
    """Tell whether a text is a known column name that is unlikely to be an id or a value."""
    return plain(name) in _KNOWN


def names_items(name: str) -> bool:
    """Tell whether a text may be the name of a column of lists of items, such as `item_ids` or `sequence_item_ids`."""
    compared = plain(name)
    return "item" in compared or bool(matches([compared, compared.removesuffix("s")], ITEM))


def matches(names: Sequence[str], tiers: Tiers) -> tuple[int, ...]:
    """Return the positions of the names that are in the first tier with any match."""
    compared = [plain(name) for name in names]
    for tier in tiers:
        if found := tuple(n for n, name in enumerate(compared) if name in tier):
            return found
    return ()


def known_roles(names: Sequence[str]) -> KnownRoles:
    """Return the positions of the names that may be the user, and of those that may be the item."""
    return KnownRoles(matches(names, USER), matches(names, ITEM))
