<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The close codes of RFC 6455 and its registry. Applications have 3000–4999 for their own.
 */
enum CloseCode: int
{
    /** The purpose is fulfilled. */
    case Normal = 1000;

    /** The server stops, or the user left the page. */
    case GoingAway = 1001;

    /** The other side broke the protocol. Sent by the server only, not by {@see Connection::close()}. */
    case ProtocolError = 1002;

    /** A kind of message that this side does not take. */
    case UnsupportedData = 1003;

    /** Never sent: the close frame had no code. */
    case NoStatus = 1005;

    /** Never sent: the connection ended without a close frame. */
    case Abnormal = 1006;

    /** The content does not fit the kind of message, such as text that is not UTF-8. */
    case InvalidPayload = 1007;

    /** A rule was broken for which there is no better code. */
    case PolicyViolation = 1008;

    /** The message is larger than {@see Limits::$maxMessageSize}. */
    case MessageTooBig = 1009;

    /** The client needs an extension that the server does not speak. */
    case MandatoryExtension = 1010;

    /** A callback threw an exception. */
    case InternalError = 1011;

    /** The server restarts; come back. */
    case ServiceRestart = 1012;

    /** The server is overloaded, or the client too slow; come back later. */
    case TryAgainLater = 1013;

    /** The client has to say anew who it is: its token has expired. */
    case Unauthorized = 3000;

    /** The client may not do what it wanted, see {@see Server::onAuthorize()}. */
    case Forbidden = 3003;
}
