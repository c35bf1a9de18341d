"""The names that logs of the field give to users, items, times and ratings.

Case, blanks, `_`, `-` and other punctuation do not count: `Customer ID` is `customerid`. Names stand in tiers; the
first tier of which a log has a column decides, and two columns of the same tier are ambiguous. What that means:

- `user_id` wins over `user_name` and over any session: whoever has both wants the history of the person. A log with
  `session_id` alone is read by sessions.
- `item_id` wins over `product_id`, and these over `title`. `asin` wins over `parent_asin` (Amazon 2023 has both).
- `timestamp` and `time_ms` win over `time` and `date`. Of several, the values decide: one that holds moments wins over
  one that holds days, see `columns.py`. `date` beside `time` of day is ambiguous: each alone is half of the time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Tiers = tuple[frozenset[str], ...]


def plain(name: str) -> str:
    """Return a name as it is compared: lower case, letters and digits only."""
    return re.sub(r"[\W_]+", "", name.lower())


def _tiers(*tiers: str) -> Tiers:
    return tuple(frozenset(map(plain, tier.split())) for tier in tiers)


USER = _tiers(
    "userid",
    """user uid usr usrid useridx userindex userno usernum userhash useruuid userkey reviewerid customerid customer
    custid clientid memberid visitorid viewerid personid profileid accountid buyerid shopperid subscriberid playerid
    studentid learnerid readerid listenerid raterid guestid householdid householdkey deviceid cookieid msno anonid
    fullvisitorid amazonuserid steamid authorid""",
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
# Words that may just as well be an id or a value (`book`, `author`, `rate`) do not make a line a header.
_WEAK = USER[2] | ITEM[3] | RATING[2]
_KNOWN = frozenset[str]().union(*(tier for tiers in ROLES.values() for tier in tiers)) - _WEAK


@dataclass(frozen=True)
class KnownRoles:
    """Positions of the columns that may be meant by each role; more than one is ambiguous."""

    user: tuple[int, ...]
    item: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Whether there is a column for users and one for items."""
        return bool(self.user and self.item)


def is_known(name: str) -> bool:
    """Tell whether this is the name of a column, and hardly anything else."""
    return plain(name) in _KNOWN


def matches(names: Sequence[str], tiers: Tiers) -> tuple[int, ...]:
    """Return the positions of the names in the first tier that has any."""
    compared = [plain(name) for name in names]
    for tier in tiers:
        if found := tuple(n for n, name in enumerate(compared) if name in tier):
            return found
    return ()


def known_roles(names: Sequence[str]) -> KnownRoles:
    """Return which of the names may be the user and which the item."""
    return KnownRoles(matches(names, USER), matches(names, ITEM))
