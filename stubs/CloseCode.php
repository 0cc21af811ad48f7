<?php

declare(strict_types=1);

namespace Ferrite;

/** Close codes of RFC 6455, section 7.4.1, and its registry. The codes 3000–4999 are for applications. */
enum CloseCode: int
{
    /** The purpose of the connection is fulfilled. */
    case Normal = 1000;

    /** The server stops, or the user left the page. */
    case GoingAway = 1001;

    /** The peer broke the protocol. Only the server itself sends it; {@see Connection::close()} refuses it. */
    case ProtocolError = 1002;

    /** The endpoint does not accept this kind of message. */
    case UnsupportedData = 1003;

    /** Never sent: the close frame had no code. */
    case NoStatus = 1005;

    /** Never sent: the connection ended without a close frame. */
    case Abnormal = 1006;

    /** The content does not fit the kind of message, such as a text that is not UTF-8. */
    case InvalidPayload = 1007;

    /** A rule was broken, and no other code fits better. */
    case PolicyViolation = 1008;

    /** The message is larger than {@see Limits::$maxMessageSize}. */
    case MessageTooBig = 1009;

    /** The client needs an extension that the server does not support. */
    case MandatoryExtension = 1010;

    /** A callback threw an exception. */
    case InternalError = 1011;

    /** The server restarts; the client may reconnect. */
    case ServiceRestart = 1012;

    /** The server is overloaded, or the client is too slow; the client may reconnect later. */
    case TryAgainLater = 1013;

    /** The client has to authenticate again: its token has expired. */
    case Unauthorized = 3000;

    /** The client lacks the permission for this action, see {@see Server::onAuthorize()}. */
    case Forbidden = 3003;
}
