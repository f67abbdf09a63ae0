"""What a Lyceum plugin in Python is written against.

A plugin is ``src/plugin.py`` with functions under the decorators of this
package: ``@moderator``, ``@ranker``, ``@resolver`` and so on. The decorators
leave the functions as they are, so that tests call them without a component.
``lyceum plugin build`` makes the component.
"""

from . import host
from .auth import Callback, Identity, Start, Way, auth_provider
from .content import Actor, Fact, FieldValue, HookEntry, Rejection, after, before, value_of
from .errors import CryptoFailure, HttpFailure, PluginError
from .graphql import FieldRequest, resolver
from .host import Response, Secret
from .job import Continue, Done, JobRun, job
from .lifecycle import FieldError, configure, health, migrate
from .moderation import ReviewItem, Verdict, allow, hold, moderator, reject
from .notify import Delivery, DeliveryResult, failed, notifier, retry, sent
from .payment import (
    Accepted,
    Account,
    Capabilities,
    InboundRequest,
    Money,
    NextAction,
    Order,
    PaymentError,
    PaymentEvent,
    PaymentProvider,
    Ref,
    Refused,
    Reply,
    Status,
    View,
    payment_provider,
)
from .ranking import RankContext, ranker

__all__ = [name for name in dir() if not name.startswith("_")]
